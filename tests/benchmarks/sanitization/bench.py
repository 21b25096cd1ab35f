"""What one run of the benchmark works with: our detectors, and the peers that are installed."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from labelled import Span
from measure import median

from staithe.kernel.errors import InvalidEvent
from staithe.sanitization.detect import Detector
from staithe.sanitization.detect.injection import InjectionScorer

HERE: Final = Path(__file__).parent
REPOSITORY: Final = HERE.parents[2]
ROUNDS: Final = 5
PEER_SECONDS_MAX: Final = 1_800
REFUSED: Final = "REFUSED"


class Bench:
    """Detectors as the product runs them, the same without names, and the peers in the environment `peers`."""

    def __init__(self, peers: Path | None) -> None:
        self.patterns, self.detector, self.injections = Detector(names=False), Detector(), InjectionScorer()
        self.peers = peers if peers and (peers / "bin" / "python").exists() else None

    def find(self, text: str) -> list[Span]:
        """What the product finds; a text that is refused counts as one finding over all of it, since it is held."""
        return _spans(self.detector, text)

    def find_by_pattern(self, text: str) -> list[Span]:
        """The same with the detection of names switched off."""
        return _spans(self.patterns, text)

    def peer(self, name: str, texts: Sequence[str]) -> tuple[list[list[Span]], float]:
        """What a peer finds, and its processor time in seconds."""
        lines = "".join(json.dumps(text) + "\n" for text in texts)
        command = [str(self.peers / "bin" / "python"), str(HERE / "peer.py"), name] if self.peers else []
        ran = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=PEER_SECONDS_MAX, check=True)
        answer: dict[str, Any] = json.loads(ran.stdout)
        return [[tuple(span) for span in spans] for spans in answer["found"]], float(answer["seconds"])

    def file_of_peers(self, pattern: str) -> Path | None:
        """A file that one of the peers' packages brings; None where the package is not installed."""
        found = sorted(self.peers.glob(f"lib/python*/site-packages/{pattern}")) if self.peers else []
        return found[0] if found else None


def mb_a_second(work: Callable[[str], object], texts: Sequence[str], rounds: int = ROUNDS) -> float:
    """Megabytes a second of processor time; a text that is refused counts with the time until then."""
    size, times = sum(len(text.encode()) for text in texts) / 1e6, []
    for _ in range(rounds):
        started = time.process_time()
        for text in texts:
            is_refused(work, text)
        times.append(time.process_time() - started)
    return size / median(times)


def is_refused(work: Callable[[str], object], text: str) -> bool:
    """Whether the detectors give up on a text, which then is held."""
    try:
        work(text)
    except InvalidEvent:
        return True
    return False


def _spans(detector: Detector, text: str) -> list[Span]:
    try:
        return [(each.start, each.end, each.entity) for each in detector.find(text)]
    except InvalidEvent:
        return [(0, len(text), REFUSED)]
