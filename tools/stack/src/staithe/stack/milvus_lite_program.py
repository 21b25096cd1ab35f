"""`python -m staithe.stack.milvus_lite_program`: the command line of Milvus Lite, with one fault of it mended.

Milvus Lite 3.2.2 flushes by taking a new, empty memory table into use first and adding the written segment to what
readers see later. A search in between sees neither, and answers without the rows of the last seconds, also at
consistency Strong. Here both happen under the lock that readers take their segments under, and a read during which
the memory table changed is done again. Nothing else of the library is touched, and another version is refused,
because this was proven with the one that is locked.
"""

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from staithe.kernel.errors import ConfigurationError

PROVEN_VERSION: Final = "3.2.2"
READS: Final = ("search", "query", "get", "_num_entities")
# A read takes milliseconds and flushes are at least a second apart: the second attempt nearly always stands.
READ_ATTEMPTS_MAX: Final = 3

P = ParamSpec("P")
R = TypeVar("R")


def whole_flush(flush: Callable[Concatenate[Any, P], None]) -> Callable[Concatenate[Any, P], None]:
    """`flush`, during which nobody takes a look at the segments."""

    def flush_at_once(collection: Any, /, *args: P.args, **kwargs: P.kwargs) -> None:
        with collection._maintenance_lock:  # noqa: SLF001 - mending means reaching inside
            flush(collection, *args, **kwargs)

    return flush_at_once


def steady_read(read: Callable[Concatenate[Any, P], R]) -> Callable[Concatenate[Any, P], R]:
    """`read`, done again when a flush came in between; under the lock at last, when no flush can come."""

    def read_one_state(collection: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(READ_ATTEMPTS_MAX):
            table = collection._memtable  # noqa: SLF001
            answer = read(collection, *args, **kwargs)
            if collection._memtable is table:  # noqa: SLF001
                return answer
        with collection._maintenance_lock:  # noqa: SLF001
            return read(collection, *args, **kwargs)

    return read_one_state


def mend(collection: type[Any]) -> None:
    """Replace the flush and the reads of `collection`."""
    collection._trigger_flush = whole_flush(collection._trigger_flush)  # noqa: SLF001
    for name in READS:
        setattr(collection, name, steady_read(getattr(collection, name)))


def main() -> int:
    """Run Milvus Lite with its own arguments; raises ConfigurationError for a version that was not proven."""
    installed = version("milvus-lite")
    if installed != PROVEN_VERSION:
        raise ConfigurationError(
            f"milvus-lite {installed} is installed, the stack was proven with {PROVEN_VERSION}: run `make setup`"
        )
    # Here, since pymilvus, which Lite imports, reads `.env` files and the environment when it is imported.
    from milvus_lite.cmdline import main as milvus_lite_main  # noqa: PLC0415
    from milvus_lite.engine.collection import Collection  # noqa: PLC0415

    mend(Collection)
    return int(milvus_lite_main() or 0)


if __name__ == "__main__":
    sys.exit(main())
