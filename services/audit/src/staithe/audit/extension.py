"""Whether a log only added to what somebody saw of it before; asked by witnesses and by forwarders."""

from typing import Final

from staithe.audit.merkle import consistency_proof, verify_consistency
from staithe.audit.notes import Checkpoint
from staithe.audit.reader import LogReader, ReadableFiles
from staithe.kernel.errors import Integrity

ROLLED_BACK: Final = "LOG_ROLLED_BACK"
FORKED: Final = "LOG_FORKED"
CHANGED_PAST: Final = frozenset({ROLLED_BACK, FORKED})


def check_extension(before: Checkpoint, head: Checkpoint, log: ReadableFiles) -> None:
    """Return when the log at `head` extends `before` (RFC 9162 section 2.1.4.2).

    Raises Integrity with LOG_ROLLED_BACK or LOG_FORKED when it does not, and with another code when its files cannot
    prove anything.
    """
    if head.size < before.size:
        raise Integrity(
            f"the log changed its past: the log has {head.size} entries and had {before.size}", reason_code=ROLLED_BACK
        )
    proof = consistency_proof(before.size, head.size, LogReader(log, head).node) if before.size else []
    try:
        verify_consistency(before.size, before.root, head.size, head.root, proof)
    except Integrity as error:
        raise Integrity(
            f"the log changed its past: the first {before.size} entries are no longer what they were",
            reason_code=FORKED,
        ) from error
