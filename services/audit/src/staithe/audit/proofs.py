"""Receipts: that an entry is in the log, and that a later checkpoint only added to an earlier one.

The text of a receipt is a C2SP tlog-proof, so it can be checked offline and by other tools.
"""

import base64
from pathlib import Path
from typing import Final

from staithe.audit.files import LogFiles
from staithe.audit.limits import PROOF_BYTES_MAX
from staithe.audit.merkle import HASH_BYTES, consistency_proof, inclusion_proof, leaf_hash, verify_consistency
from staithe.audit.merkle import verify_inclusion as verify_inclusion_path
from staithe.audit.notes import VerifierKey, open_checkpoint
from staithe.audit.reader import LogReader, read_checkpoint
from staithe.kernel.errors import Integrity

_FIRST_LINE: Final = "c2sp.org/tlog-proof@v1"
_INDEX: Final = "index "


def prove_inclusion(folder: Path, vkey_text: str, leaf_index: int) -> tuple[bytes, str]:
    """The entry of a leaf and its receipt, checked before it is returned.

    Raises ValueError when the log has no such leaf, Integrity when the log cannot prove it, ConfigurationError
    when the key is malformed.
    """
    files, key = LogFiles(folder), VerifierKey.parse(vkey_text)
    note = read_checkpoint(files)
    reader = LogReader(files, open_checkpoint(note, key))
    size = reader.checkpoint.size
    path = inclusion_proof(leaf_index, size, reader.node)
    lines = [_FIRST_LINE, f"{_INDEX}{leaf_index}", *(base64.b64encode(value).decode() for value in path), ""]
    receipt = "\n".join(lines) + "\n" + note.decode()
    entry = reader.entry(leaf_index)
    verify_receipt(receipt, vkey_text, entry)
    return entry, receipt


def verify_receipt(receipt: str, vkey_text: str, entry: bytes) -> int:
    """The leaf index at which `receipt` proves `entry`; raises Integrity when it proves nothing of the kind."""
    key = VerifierKey.parse(vkey_text)
    head_text, blank_line, note = receipt.partition("\n\n")
    lines = head_text.split("\n")
    if len(receipt) > PROOF_BYTES_MAX or not blank_line or len(lines) < 2 or lines[0] != _FIRST_LINE:
        raise _malformed()
    index_text = lines[1].removeprefix(_INDEX)
    if lines[1] != _INDEX + index_text or not index_text.isdecimal() or index_text != str(int(index_text[:17])):
        raise _malformed()
    leaf_index = int(index_text)
    path = [_hash(line) for line in lines[2:]]
    head = open_checkpoint(note.encode(), key)
    verify_inclusion_path(leaf_hash(entry), leaf_index, head.size, path, head.root)
    return leaf_index


def check_extension(folder: Path, vkey_text: str, old_note: bytes) -> None:
    """Return when the log in `folder` only added to the checkpoint `old_note`; raise Integrity otherwise."""
    files, key = LogFiles(folder), VerifierKey.parse(vkey_text)
    old = open_checkpoint(old_note, key)
    head = open_checkpoint(read_checkpoint(files), key)
    if old.size > head.size:
        raise Integrity("the log is shorter than its old checkpoint", reason_code="LOG_ROLLED_BACK")
    proof = consistency_proof(old.size, head.size, LogReader(files, head).node) if old.size else []
    verify_consistency(old.size, old.root, head.size, head.root, proof)


def _hash(line: str) -> bytes:
    try:
        value = base64.b64decode(line, validate=True)
    except ValueError as error:
        raise _malformed() from error
    if len(value) != HASH_BYTES or base64.b64encode(value).decode() != line:
        raise _malformed()
    return value


def _malformed() -> Integrity:
    return Integrity("the receipt is not a tlog-proof", reason_code="RECEIPT_MALFORMED")
