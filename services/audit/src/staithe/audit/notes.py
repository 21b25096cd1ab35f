"""Signed notes and checkpoints: how the log states its size and root, and how anybody checks the statement.

C2SP signed-note with Ed25519 keys, C2SP tlog-checkpoint, and the verifier-key line of Go's sumdb/note.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from staithe.audit.limits import NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX, TREE_SIZE_MAX
from staithe.audit.merkle import HASH_BYTES
from staithe.kernel.crypto import signing
from staithe.kernel.errors import ConfigurationError, Integrity

ED25519: Final = b"\x01"
"""Signs the text of a note."""
COSIGNATURE: Final = b"\x04"
"""Ed25519 as well, but signs a time with the text (C2SP tlog-cosignature, cosignature/v1)."""
KEY_ID_BYTES: Final = 4
_SIGNATURE_MARK: Final = "\N{EM DASH} "
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,15}")


class NoteSigner(Protocol):
    """What a note needs of an Ed25519 key: the kernel's `Signer` is one, a key service may be another."""

    public_key: bytes

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature of `message`."""
        ...


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A key name with its Ed25519 public key: all that a stranger needs to check the log."""

    name: str
    public_key: bytes
    kind: bytes = ED25519

    @classmethod
    def parse(cls, text: str, kind: bytes = ED25519) -> "VerifierKey":
        """The key of this kind in a `name+id+base64` line; raises ConfigurationError when the line is not one."""
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        decoded = _from_base64(encoded)
        if decoded is None or decoded[:1] != kind or len(decoded) != 1 + signing.PUBLIC_KEY_BYTES:
            raise _bad_key("not an Ed25519 verifier key of the form name+id+base64 and of the kind needed here")
        key = cls(name, decoded[1:], kind)
        if not is_key_name(name) or key.key_id.hex() != key_id:
            raise _bad_key("its name or its id does not match its key")
        return key

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name, newline, type, public key)."""
        material = self.name.encode() + b"\n" + self.kind + self.public_key
        return sha256(material).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        encoded = base64.b64encode(self.kind + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: the log's name, its size and its root."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def is_key_name(name: str) -> bool:
    """Whether a note may carry `name`: not empty, no white space, no plus, no control characters."""
    return bool(name) and "+" not in name and name.isprintable() and not any(c.isspace() for c in name)


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner) -> bytes:
    """The signed note of `checkpoint`; the key's name is the log's origin."""
    text = checkpoint.text()
    key = VerifierKey(checkpoint.origin, signer.public_key)
    return f"{text}\n{signature_line(key, signer.sign(text.encode()))}".encode()


def signature_line(key: VerifierKey, signature: bytes) -> str:
    """A signature as the line that it takes in a note."""
    return f"{_SIGNATURE_MARK}{key.name} {base64.b64encode(key.key_id + signature).decode()}\n"


def open_checkpoint(note: bytes, key: VerifierKey) -> Checkpoint:
    """The checkpoint that `key` signed; raises Integrity when the note, a signature or the tree head is wrong.

    Signatures of other keys are ignored. Every signature in `key`'s name and id must verify; one must be there.
    """
    text, signatures = split_note(note)
    ours = [value for name, value in signatures if name == key.name and value[:KEY_ID_BYTES] == key.key_id]
    if not ours:
        raise _bad_checkpoint("CHECKPOINT_KEY_UNKNOWN", "the checkpoint is not signed by the given key")
    for value in ours:
        try:
            signing.verify(key.public_key, value[KEY_ID_BYTES:], text.encode())
        except Integrity as error:
            raise _bad_checkpoint("CHECKPOINT_SIGNATURE_INVALID", "the signature is wrong") from error
    checkpoint = _parse_checkpoint(text)
    if checkpoint.origin != key.name:
        raise _bad_checkpoint("CHECKPOINT_ORIGIN_WRONG", "the checkpoint belongs to another log")
    return checkpoint


def split_note(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    """A note's text and its signatures: key name, and bytes that begin with a key id; Integrity when malformed."""
    if len(note) > NOTE_BYTES_MAX:
        raise _bad_checkpoint("CHECKPOINT_MALFORMED", "the checkpoint is too large")
    try:
        decoded = note.decode()
    except UnicodeDecodeError as error:
        raise _bad_checkpoint("CHECKPOINT_MALFORMED", "the checkpoint is not UTF-8") from error
    text, blank_line, tail = decoded.rpartition("\n\n")
    if not blank_line or not tail.endswith("\n") or _CONTROL.search(decoded):
        raise _bad_checkpoint("CHECKPOINT_MALFORMED", "the checkpoint is not a signed note")
    lines = tail[:-1].split("\n")
    if len(lines) > NOTE_SIGNATURES_MAX:
        raise _bad_checkpoint("CHECKPOINT_MALFORMED", "the checkpoint has too many signatures")
    return text + "\n", [_parse_signature(line) for line in lines]


def _parse_signature(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(_SIGNATURE_MARK).partition(" ")
    value = _from_base64(encoded)
    well_formed = line.startswith(_SIGNATURE_MARK) and is_key_name(name)
    if not well_formed or value is None or len(value) <= KEY_ID_BYTES:
        raise _bad_checkpoint("CHECKPOINT_MALFORMED", "the checkpoint has a malformed signature line")
    return name, value


def _parse_checkpoint(text: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) == 4 and _DECIMAL.fullmatch(lines[1]) and int(lines[1]) <= TREE_SIZE_MAX:
        root = _from_base64(lines[2])
        if root is not None and len(root) == HASH_BYTES:
            return Checkpoint(lines[0], int(lines[1]), root)
    raise _bad_checkpoint("CHECKPOINT_MALFORMED", "the checkpoint does not state an origin, a size and a root")


def _from_base64(text: str) -> bytes | None:
    """The bytes of canonical base64, or None: a second spelling of one value would be a second note."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return value if base64.b64encode(value).decode() == text else None


def _bad_key(problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"the log's verifier key is unusable: {problem}; take the line from log.vkey (of a witness: from witness.vkey)",
        reason_code="VKEY_MALFORMED",
    )


def _bad_checkpoint(reason_code: str, message: str) -> Integrity:
    return Integrity(message, reason_code=reason_code)
