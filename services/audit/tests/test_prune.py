"""A pruned log proves what is left, says what went, and is no cover for taking out anything else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from staithe.audit.dedup import EventIndex
from staithe.audit.entry import encode_entry
from staithe.audit.export import Format, Wanted, exported
from staithe.audit.files import LogFiles
from staithe.audit.log import TransparencyLog
from staithe.audit.notes import VerifierKey
from staithe.audit.proofs import prove_inclusion
from staithe.audit.prune import PRUNED, Pruning, finish, plan_pruning, prepare
from staithe.audit.reader import LogReader
from staithe.audit.retention import RetentionPolicy, load_retention
from staithe.audit.stage import AppendStage
from staithe.audit.verify import VerificationReport, verify_log
from staithe.kernel.crypto.signing import Signer
from staithe.kernel.errors import ConfigurationError, Integrity
from staithe.kernel.events import AuditEvent, Outcome

ORIGIN = "audit.example/test"
Make = Callable[[int], AuditEvent]
DAY = 86_400_000
NOW = 1_700_000_000_000 + 100 * DAY
POLICY = RetentionPolicy.model_validate(
    {
        "version": 1,
        "classes": [
            {"name": "lookups", "actions": ["query.*"], "days": 60},
            {"name": "rest", "actions": ["*"], "days": 3650},
        ],
    }
)


def happened(event: Make, number: int) -> AuditEvent:
    """Old until 599; every 50th is no lookup."""
    old = number < 600
    made = replace(event(number), action="document.indexed" if number % 50 == 0 else "query.searched")
    return made if old else replace(made, occurred_at=NOW)


def said(event: Make, number: int, pruning: Pruning) -> AuditEvent:
    return replace(
        event(number), action=PRUNED, service="operator", occurred_at=NOW, output_sha256=pruning.kept_sha256,
        outcome=Outcome.SUCCESS, attributes={"minimum_index": str(pruning.minimum_index), "kept_count": "0"},
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, signer: Signer, event: Make) -> Path:
    with TransparencyLog(tmp_path / "log", signer, ORIGIN) as log:
        log.append([encode_entry(happened(event, number)) for number in range(800)])
    return tmp_path / "log"


def reader_of(folder: Path, signer: Signer) -> LogReader:
    with TransparencyLog(folder, signer, ORIGIN) as log:
        return log.reader()


def begun(folder: Path, signer: Signer, event: Make) -> Pruning:
    """Prepared and said, not done."""
    pruning = plan_pruning(reader_of(folder, signer), POLICY, NOW)
    assert pruning is not None
    prepare(LogFiles(folder), pruning)
    with TransparencyLog(folder, signer, ORIGIN) as log:
        log.append([encode_entry(said(event, 800, pruning))])
    return pruning


@pytest.fixture
def pruned(folder: Path, signer: Signer, event: Make) -> Path:
    """As `staithe audit prune` leaves it: said, then done."""
    finish(LogFiles(folder), begun(folder, signer, event))
    return folder


def verified(folder: Path, signer: Signer) -> VerificationReport:
    return verify_log(folder, str(VerifierKey(ORIGIN, signer.public_key)))


def test_only_what_is_over_goes_and_whole_bundles_at_that(folder: Path, signer: Signer) -> None:
    pruning = plan_pruning(reader_of(folder, signer), POLICY, NOW)
    assert pruning is not None
    assert (pruning.minimum_index, pruning.kept_count, pruning.gone) == (512, 11, {"query.searched": 501})
    assert plan_pruning(reader_of(folder, signer), POLICY, NOW - 60 * DAY) is None


def test_pruned_log_verifies_and_says_what_went(pruned: Path, signer: Signer) -> None:
    report = verified(pruned, signer)
    assert report.problems == []
    assert (report.size, report.pruned_entries, report.pruned_by, report.kept_entries) == (801, 512, 800, 11)
    assert not (pruned / "tile/entries/000").exists()


def test_rest_and_kept_entries_are_still_proven(pruned: Path, signer: Signer) -> None:
    vkey = str(VerifierKey(ORIGIN, signer.public_key))
    for leaf_index in (50, 500, 512, 800):
        entry, _ = prove_inclusion(pruned, vkey, leaf_index)
        assert entry
    with pytest.raises(Integrity, match="entry 51 was pruned"):
        prove_inclusion(pruned, vkey, 51)


def test_readers_tell_all_that_is_left(pruned: Path, signer: Signer) -> None:
    reader = reader_of(pruned, signer)
    leaves = [leaf for leaf, _ in reader.numbered()]
    assert leaves == [*range(0, 512, 50), *range(512, 801)]
    assert len(list(exported(reader, Format.JSONL, Wanted()))) == len(leaves)
    assert [leaf for leaf, _ in reader.numbered(400)][:3] == [400, 450, 500]


def test_writer_goes_on_and_index_is_made_again(pruned: Path, signer: Signer, event: Make, tmp_path: Path) -> None:
    with TransparencyLog(pruned, signer, ORIGIN) as log:
        stage = AppendStage(log, EventIndex(tmp_path / "new.sqlite"))
        result = stage.append_events([happened(event, 50), happened(event, 700), happened(event, 900)])
    assert (result.new, result.duplicates) == (1, 2)
    assert verified(pruned, signer).ok


def test_second_pruning_lets_kept_entries_go_in_their_time(pruned: Path, signer: Signer, event: Make) -> None:
    later = NOW + 4000 * DAY
    pruning = plan_pruning(reader_of(pruned, signer), POLICY, later)
    assert pruning is not None
    assert (pruning.before, pruning.minimum_index, pruning.kept_count) == (512, 768, 0)
    files = LogFiles(pruned)
    prepare(files, pruning)
    with TransparencyLog(pruned, signer, ORIGIN) as log:
        log.append([encode_entry(said(event, 801, pruning))])
    assert verified(pruned, signer).ok  # said, not done yet: nothing is missing
    finish(files, pruning)
    report = verified(pruned, signer)
    assert (report.ok, report.pruned_entries, report.kept_entries) == (True, 768, 0)


def test_interrupted_pruning_is_finished_by_the_next(folder: Path, signer: Signer, event: Make) -> None:
    pruning = begun(folder, signer, event)
    assert verified(folder, signer).ok
    (folder / "kept/next").rename(folder / "kept/entries")
    assert verified(folder, signer).ok
    (folder / "tile/entries/000").unlink()
    report = verified(folder, signer)
    assert (report.ok, report.pruned_entries) == (True, 256)
    again = plan_pruning(reader_of(folder, signer), POLICY, NOW)
    assert again is not None
    assert (again.before, again.minimum_index, again.kept) == (256, 512, pruning.kept)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (lambda f: (f / "tile/entries/002").unlink(), "tile/entries/002: is missing"),
        (lambda f: (f / "tile/entries/003.p/33").unlink(), "tile/entries/003.p/33: is missing"),
        (lambda f: (f / "tile/0/000").unlink(), "tile/0/000: is missing"),
        (lambda f: flip(f / "tile/0/000"), "tile/1/000.p/3: 1 of 3 hashes are wrong"),
        (lambda f: flip(f / "kept/entries"), "kept/entries: is not what entry 800 says"),
        (lambda f: (f / "kept/entries").unlink(), "kept/entries: is not what entry 800 says"),
        (lambda f: (f / "kept/entries").write_bytes(b""), "kept/entries: is not what entry 800 says"),
        (lambda f: (f / "kept/more").touch(), "kept/more: is not a file of a log"),
    ],
)
def test_pruning_covers_nothing_else(
    tamper: Callable[[Path], object], expected: str, pruned: Path, signer: Signer
) -> None:
    tamper(pruned)
    problems = verified(pruned, signer).problems
    assert any(expected in problem for problem in problems), problems


def test_bundle_that_no_entry_lets_go_is_missing(folder: Path, signer: Signer) -> None:
    (folder / "tile/entries/000").unlink()
    assert verified(folder, signer).problems == ["tile/entries/000: is missing"]


def test_kept_file_with_other_entries_is_refused_even_if_the_log_names_it(
    folder: Path, signer: Signer, event: Make
) -> None:
    pruning = plan_pruning(reader_of(folder, signer), POLICY, NOW)
    assert pruning is not None
    forged = replace(pruning, kept=pruning.kept.replace(b"SUCCESS", b"REFUSED", 1))
    files = LogFiles(folder)
    prepare(files, forged)
    with TransparencyLog(folder, signer, ORIGIN) as log:
        log.append([encode_entry(said(event, 800, forged))])
    finish(files, forged)
    assert verified(folder, signer).problems == ["kept/entries: entry 0 is not the one that was in the log"]


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "version: 2", "version: 1\nclasses: []", "a: [",
        "version: 1\nclasses: [{name: a, actions: ['query.*'], days: 400}]",
        "version: 1\nclasses: [{name: a, actions: ['*'], days: 59}]",
        "version: 1\nclasses: [{name: a, actions: ['*'], days: 400, more: 1}]",
    ],
)  # fmt: skip
def test_policy_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(ConfigurationError):
        load_retention(tmp_path / "policy.yaml")


def test_shipped_policy_names_every_action() -> None:
    loaded = load_retention(Path(__file__).parents[3] / "policies" / "audit-retention.yaml")
    assert loaded.policy.class_of("query.searched").days == 400
    assert loaded.policy.class_of("query.answered").days == 3650
