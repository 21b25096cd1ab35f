"""The Merkle tree of RFC 6962 section 2.1 with SHA-256: hashes, roots, proofs and their verification.

Pure functions. Proofs are built from a `NodeReader`, which returns the hash of the complete subtree of
2**level leaves at an index. The verifying halves follow RFC 9162 sections 2.1.3.2 and 2.1.4.2 and share no
code with the building ones.
"""

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final

from staithe.kernel.errors import Integrity

HASH_BYTES: Final = 32
_LEAF_PREFIX: Final = b"\x00"
_NODE_PREFIX: Final = b"\x01"
_INCLUSION: Final = "INCLUSION_PROOF_INVALID"
_CONSISTENCY: Final = "CONSISTENCY_PROOF_INVALID"
EMPTY_ROOT: Final = sha256(b"").digest()
"""The root of a tree without leaves."""

NodeReader = Callable[[int, int], bytes]
"""(level, index) to the hash of the complete subtree over leaves [index << level, (index + 1) << level)."""


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(_LEAF_PREFIX + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(_NODE_PREFIX + left + right).digest()


class CompactRange:
    """The complete subtrees of a growing tree: enough to append and to know the root, in O(log n) memory."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        size = self.size
        while size & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            size >>= 1
        self._peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """The root of the tree over every leaf appended so far."""
        return fold_peaks(self._peaks)


def fold_peaks(peaks: Sequence[bytes]) -> bytes:
    """The root over complete subtrees given from the largest (left) to the smallest (right)."""
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """The root over a power of two of hashes; raises ValueError for any other number."""
    if not hashes or len(hashes) & (len(hashes) - 1):
        raise ValueError("a complete subtree has a power of two of leaves")
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def root_at(size: int, node: NodeReader) -> bytes:
    """The root of the tree's first `size` leaves."""
    return _range_root(0, size, node)


def inclusion_proof(leaf_index: int, size: int, node: NodeReader) -> list[bytes]:
    """The audit path of a leaf, sibling first (RFC 6962 section 2.1.1); ValueError for a leaf outside the tree."""
    if not 0 <= leaf_index < size:
        raise ValueError("the leaf is not in the tree")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        split = start + _split(end - start)
        if leaf_index < split:
            proof.append(_range_root(split, end, node))
            end = split
        else:
            proof.append(_range_root(start, split, node))
            start = split
    return proof[::-1]


def consistency_proof(old_size: int, size: int, node: NodeReader) -> list[bytes]:
    """The proof that the first `old_size` leaves are unchanged (RFC 6962 section 2.1.2).

    Raises ValueError unless 0 < old_size <= size.
    """
    if not 0 < old_size <= size:
        raise ValueError("the old tree must be smaller and not empty")
    proof: list[bytes] = []
    start, end, whole = 0, size, True
    while old_size != end:
        split = start + _split(end - start)
        if old_size <= split:
            proof.append(_range_root(split, end, node))
            end = split
        else:
            proof.append(_range_root(start, split, node))
            start, whole = split, False
    if not whole:
        proof.append(_range_root(start, end, node))
    return proof[::-1]


def verify_inclusion(leaf: bytes, leaf_index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Return when `proof` leads from the leaf at `leaf_index` to the root; raise Integrity otherwise."""
    if not 0 <= leaf_index < size:
        raise _refused(_INCLUSION, "the leaf index is outside the tree")
    computed = leaf
    for sibling, is_left in _climb(leaf_index, size - 1, proof, _INCLUSION):
        computed = node_hash(sibling, computed) if is_left else node_hash(computed, sibling)
    if computed != root:
        raise _refused(_INCLUSION, "the inclusion proof does not lead to the root")


def verify_consistency(old_size: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Return when the tree (size, root) extends the tree (old_size, old_root); raise Integrity otherwise.

    Every tree extends the empty one, and itself; both need an empty proof.
    """
    if old_size in (0, size):
        if proof or old_root != (root if old_size else EMPTY_ROOT):
            raise _refused(_CONSISTENCY, "the trees of equal or no size differ")
        return
    if not 0 < old_size < size:
        raise _refused(_CONSISTENCY, "the old tree is larger than the new one")
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not path:
        raise _refused(_CONSISTENCY, "the consistency proof is empty")
    position, last = old_size - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_computed = computed = path[0]
    for sibling, is_left in _climb(position, last, path[1:], _CONSISTENCY):
        if is_left:
            old_computed, computed = node_hash(sibling, old_computed), node_hash(sibling, computed)
        else:
            computed = node_hash(computed, sibling)
    if old_computed != old_root or computed != root:
        raise _refused(_CONSISTENCY, "the log is not an extension of the old checkpoint")


def _climb(position: int, last: int, siblings: Sequence[bytes], reason_code: str) -> Iterator[tuple[bytes, bool]]:
    """Each sibling on the way up, and whether it stands on the left; Integrity unless the way ends at the root."""
    for sibling in siblings:
        if last == 0:
            raise _refused(reason_code, "the proof is too long")
        is_left = bool(position & 1) or position == last
        yield sibling, is_left
        while is_left and position and not position & 1:
            position, last = position >> 1, last >> 1
        position, last = position >> 1, last >> 1
    if last:
        raise _refused(reason_code, "the proof is too short")


def _split(size: int) -> int:
    """The largest power of two below `size` (RFC 6962's k)."""
    return 1 << (size - 1).bit_length() - 1


def _range_root(start: int, end: int, node: NodeReader) -> bytes:
    return fold_peaks([node(level, index) for level, index in _complete_subtrees(start, end)])


def _complete_subtrees(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cover [start, end) by complete subtrees, left to right; `start` is a multiple of a power of two >= the length."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _refused(reason_code: str, message: str) -> Integrity:
    return Integrity(message, reason_code=reason_code)
