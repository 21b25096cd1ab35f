from collections.abc import Callable

import pytest
from pymerkle import InmemoryTree

from staithe.audit.merkle import (
    EMPTY_ROOT,
    CompactRange,
    complete_root,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_at,
    verify_consistency,
    verify_inclusion,
)
from staithe.kernel.errors import Integrity

SIZE = 70
LEAVES = [leaf_hash(b"leaf %d" % i) for i in range(SIZE)]
RFC_6962_LEAVES = [bytes.fromhex(x) for x in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
RFC_6962_LEAVES.append(bytes(range(0x60, 0x70)))
"""The leaves of the reference tests of Certificate Transparency, with the root of all eight below."""


def node(level: int, index: int) -> bytes:
    return complete_root(LEAVES[index << level : (index + 1) << level])


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, written down as it is defined."""
    if len(leaves) < 2:
        return leaves[0] if leaves else EMPTY_ROOT
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


def test_root_of_the_reference_leaves_is_the_published_one() -> None:
    tree = CompactRange()
    for leaf in RFC_6962_LEAVES:
        tree.append(leaf_hash(leaf))
    assert tree.root().hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", [*range(1, 40), 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1000, 2049])
def test_root_is_the_one_that_pymerkle_computes(size: int) -> None:
    theirs, ours = InmemoryTree(algorithm="sha256"), CompactRange()
    for i in range(size):
        theirs.append_entry(b"%d" % i)
        ours.append(leaf_hash(b"%d" % i))
    assert ours.root() == theirs.get_root()


def test_every_way_to_the_root_agrees_with_the_definition() -> None:
    tree = CompactRange()
    for size in range(SIZE + 1):
        expected = naive_root(LEAVES[:size])
        assert tree.root() == expected
        assert root_at(size, node) == expected
        if size < SIZE:
            tree.append(LEAVES[size])


def test_every_inclusion_proof_verifies() -> None:
    for size in range(1, SIZE + 1):
        root = root_at(size, node)
        for leaf_index in range(size):
            verify_inclusion(LEAVES[leaf_index], leaf_index, size, inclusion_proof(leaf_index, size, node), root)


def test_every_consistency_proof_verifies() -> None:
    for size in range(1, SIZE + 1):
        for old_size in range(1, size + 1):
            proof = consistency_proof(old_size, size, node)
            verify_consistency(old_size, root_at(old_size, node), size, root_at(size, node), proof)


def refused(check: Callable[..., None], *arguments: object) -> bool:
    try:
        check(*arguments)
    except Integrity:
        return True
    return False


def test_an_altered_inclusion_proof_is_refused() -> None:
    for size in (2, 7, 8, 33):
        root = root_at(size, node)
        for i in range(size):
            proof = inclusion_proof(i, size, node)
            bad = bytes([proof[0][0] ^ 1]) + proof[0][1:]
            assert refused(verify_inclusion, LEAVES[i], i, size, [bad, *proof[1:]], root)
            assert refused(verify_inclusion, LEAVES[i], i, size, proof[:-1], root)
            assert refused(verify_inclusion, LEAVES[i], i, size, [*proof, EMPTY_ROOT], root)
            assert refused(verify_inclusion, LEAVES[i], (i + 1) % size, size, proof, root)
            assert refused(verify_inclusion, LEAVES[i + 1], i, size, proof, root)
            assert refused(verify_inclusion, LEAVES[i], i, size, proof, EMPTY_ROOT)
            assert refused(verify_inclusion, LEAVES[i], size, size, proof, root)


def test_an_altered_consistency_proof_is_refused() -> None:
    for old_size, size in ((1, 2), (3, 7), (4, 8), (6, 8), (32, 33), (31, 64)):
        old, new = root_at(old_size, node), root_at(size, node)
        proof = consistency_proof(old_size, size, node)
        bad = bytes([proof[0][0] ^ 1]) + proof[0][1:]
        assert refused(verify_consistency, old_size, old, size, new, [bad, *proof[1:]])
        assert refused(verify_consistency, old_size, old, size, new, proof[:-1])
        assert refused(verify_consistency, old_size, old, size, new, [*proof, EMPTY_ROOT])
        assert refused(verify_consistency, old_size, EMPTY_ROOT, size, new, proof)
        assert refused(verify_consistency, old_size, old, size, EMPTY_ROOT, proof)
        assert refused(verify_consistency, size, new, old_size, old, proof)
        assert refused(verify_consistency, old_size, old, size, new, [])


def test_a_tree_extends_itself_and_the_empty_tree_only_by_the_right_root() -> None:
    root = root_at(5, node)
    verify_consistency(5, root, 5, root, [])
    verify_consistency(0, EMPTY_ROOT, 5, root, [])
    assert refused(verify_consistency, 5, EMPTY_ROOT, 5, root, [])
    assert refused(verify_consistency, 0, root, 5, root, [])
    assert refused(verify_consistency, 5, root, 5, root, [root])


@pytest.mark.parametrize(("leaf_index", "size"), [(-1, 5), (5, 5), (0, 0)])
def test_no_inclusion_proof_for_a_leaf_outside_the_tree(leaf_index: int, size: int) -> None:
    with pytest.raises(ValueError, match="not in the tree"):
        inclusion_proof(leaf_index, size, node)


@pytest.mark.parametrize(("old_size", "size"), [(0, 5), (6, 5), (-1, 5)])
def test_no_consistency_proof_with_a_larger_or_empty_tree(old_size: int, size: int) -> None:
    with pytest.raises(ValueError, match="smaller and not empty"):
        consistency_proof(old_size, size, node)


@pytest.mark.parametrize("count", [0, 3, 6])
def test_no_complete_root_over_other_than_a_power_of_two(count: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        complete_root(LEAVES[:count])
