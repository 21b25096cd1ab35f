"""audit prune: take out of the log what its retention policy no longer keeps; the rest verifies as before."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from staithe.audit.files import LogFiles
from staithe.audit.notes import VerifierKey
from staithe.audit.prune import PRUNED, Pruning, finish, plan_pruning, prepare
from staithe.audit.reader import LogReader, open_reader
from staithe.audit.retention import LoadedPolicy, load_retention
from staithe.cli.console import guarded, out
from staithe.cli.local import LocalStack
from staithe.cli.log_round import read_log_key
from staithe.kernel.audit_events import AuditAuthor
from staithe.kernel.clock import SystemClock
from staithe.kernel.errors import Unavailable
from staithe.kernel.events import AuditEvent, Outcome
from staithe.kernel.stream.producer import Publisher
from staithe.kernel.stream.settle import AUDIT_TOPIC
from staithe.stack.identities import OPERATOR

POLICY: Final = Path("policies/audit-retention.yaml")
LOGGED_SECONDS_MAX: Final = 60.0
"""An event is in the log within seconds; after this nothing is taken away, and the command can be given again."""
POLL_SECONDS: Final = 0.5


@guarded
def prune(
    policy: Annotated[Path, typer.Option(help="The retention policy.")] = POLICY,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
) -> None:
    """Take out of the local stack's log what no class of the policy keeps any more. Needs the running stack.

    The log says so first (`log.pruned`); hashes stay, so everything that is left verifies. What went is gone.
    """
    stack, loaded = LocalStack(), load_retention(policy)
    key, files = read_log_key(stack.paths.audit_log_vkey), LogFiles(stack.paths.audit_log)
    pruning = plan_pruning(open_reader(files, key), loaded.policy, SystemClock().now_ms())
    if pruning is None:
        out.print("nothing is over")
        return
    for action, count in sorted(pruning.gone.items()):
        out.print(f"  {count} {action} ({loaded.policy.class_of(action).name})", highlight=False)
    if dry_run:
        out.print(f"{sum(pruning.gone.values())} entries would go, {pruning.kept_count} would stay beside the log")
        return
    prune_logged(files, key, pruning, loaded, lambda event: _publish(stack, event))
    out.print(f"{sum(pruning.gone.values())} entries went, {pruning.kept_count} stay beside the log")


def prune_logged(
    files: LogFiles, key: VerifierKey, pruning: Pruning, loaded: LoadedPolicy, publish: Callable[[AuditEvent], None]
) -> None:
    """Prune once the log has the entry that says so; raises Unavailable, with all in place, when it does not."""
    said = AuditAuthor(OPERATOR, SystemClock()).about_record(
        PRUNED, outcome=Outcome.SUCCESS, reason_code="RETENTION_OVER",
        attributes={
            "minimum_index": str(pruning.minimum_index), "kept_count": str(pruning.kept_count),
            "policy_sha256": loaded.digest.hex(),
        },
    )  # fmt: skip
    event = replace(said, output_sha256=pruning.kept_sha256)
    size = open_reader(files, key).checkpoint.size
    prepare(files, pruning)
    publish(event)
    deadline = time.monotonic() + LOGGED_SECONDS_MAX
    while not _has(open_reader(files, key), size, event.event_id):
        if time.monotonic() > deadline:
            raise Unavailable(
                "the log does not have the pruning's entry yet: nothing was taken away; try again when audit works",
                reason_code="PRUNING_NOT_LOGGED",
            )
        time.sleep(POLL_SECONDS)
    finish(files, pruning)


def _has(reader: LogReader, start: int, event_id: str) -> bool:
    return any(event_id.encode() in entry for entry in reader.entries(start))


def _publish(stack: LocalStack, event: AuditEvent) -> None:
    codec = stack.codec()
    publisher = Publisher(stack.access(OPERATOR), codec)
    try:
        publisher.publish(AUDIT_TOPIC, event)
    finally:
        publisher.close()
        codec.close()
