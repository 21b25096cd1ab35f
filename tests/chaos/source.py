"""A source in a process of its own, which writes down what the broker has acknowledged."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from support.live import REPOSITORY, LiveStack

LOAD: Final = Path(__file__).with_name("load.py")
FIRST_SECONDS_MAX: Final = 60.0
LAST_SECONDS_MAX: Final = 180.0
"""For a source to have everything acknowledged that it sent, after it was told to end."""


def publish(live: LiveStack, journal: Path, *options: str) -> "subprocess.Popen[bytes]":
    """A source at work, which writes what is acknowledged to `journal`."""
    command = [sys.executable, str(LOAD), "--journal", str(journal), *options]
    return subprocess.Popen(command, cwd=REPOSITORY, env=live.environment, stdin=subprocess.DEVNULL)


def wait_for(journal: Path) -> None:
    """Return once something is acknowledged; raises SystemExit after FIRST_SECONDS_MAX."""
    deadline = time.monotonic() + FIRST_SECONDS_MAX
    while not (journal.exists() and journal.stat().st_size):
        if time.monotonic() > deadline:
            raise SystemExit("the source could publish nothing")
        time.sleep(0.1)
