"""Vectors of the newest versions: bounded, the oldest go first, and what was forgotten stays so."""

from staithe.embedding.memory import VectorMemory


def vectors(*names: str) -> dict[bytes, bytes]:
    return {name.encode(): b"vector of " + name.encode() for name in names}


def learn(memory: VectorMemory, document: bytes, *names: str) -> None:
    memory.learn(document, memory.recall(document), vectors(*names))


def test_newest_version_takes_the_place_of_the_one_before() -> None:
    memory = VectorMemory()
    learn(memory, b"leave", "a", "b")
    learn(memory, b"leave", "b", "c")
    assert memory.recall(b"leave") == vectors("b", "c")


def test_oldest_documents_are_forgotten_beyond_the_limit() -> None:
    memory = VectorMemory(4)
    for document in (b"one", b"two"):
        learn(memory, document, "a", "b")
    learn(memory, b"one", "a", "c")
    learn(memory, b"three", "a", "b")
    assert memory.recall(b"two") == {}
    assert memory.recall(b"one") == vectors("a", "c")
    assert memory.recall(b"three") == vectors("a", "b")


def test_document_larger_than_all_the_room_is_not_kept() -> None:
    memory = VectorMemory(2)
    learn(memory, b"leave", "a", "b", "c")
    assert memory.recall(b"leave") == {}


def test_documents_without_chunks_are_bounded_too() -> None:
    memory = VectorMemory(3)
    for number in range(10):
        memory.learn(b"%d" % number, memory.recall(b"%d" % number), {})
    assert len(memory._documents) <= 3


def test_what_is_forgotten_meanwhile_is_not_learned() -> None:
    memory = VectorMemory()
    learn(memory, b"leave", "a")
    for recalled_again in (False, True):
        recalled = memory.recall(b"leave")
        memory.forget(b"leave")
        if recalled_again:
            memory.recall(b"leave")
        memory.learn(b"leave", recalled, vectors("a"))
        assert memory.recall(b"leave") == {}
        learn(memory, b"leave", "a")


def test_room_of_what_is_forgotten_is_free_again() -> None:
    memory = VectorMemory(2)
    learn(memory, b"leave", "a", "b")
    memory.forget(b"leave")
    learn(memory, b"one", "a", "b")
    assert memory.recall(b"one") == vectors("a", "b")
