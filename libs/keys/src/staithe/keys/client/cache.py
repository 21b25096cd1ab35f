"""Keys in memory, within limits of number and age, so that a search or a batch asks once."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

from staithe.kernel.clock import Clock

Name = TypeVar("Name", bound=Hashable)
Key = TypeVar("Key")


class KeyCache(Generic[Name, Key]):
    """The newest `count_max` keys, none older than `seconds_max`; safe on several threads."""

    def __init__(self, clock: Clock, *, count_max: int, seconds_max: float) -> None:
        self._clock, self._count_max, self._seconds_max = clock, count_max, seconds_max
        self._keys: OrderedDict[Name, tuple[float, tuple[str, str], Key]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, name: Name) -> Key | None:
        """The key, or None when it is not here or too old."""
        with self._lock:
            found = self._keys.get(name)
            if found is None:
                return None
            if self._clock.monotonic() - found[0] > self._seconds_max:
                del self._keys[name]
                return None
            return found[2]

    def put(self, name: Name, document: tuple[str, str], key: Key) -> None:
        """Keep the key of a document."""
        with self._lock:
            self._keys[name] = (self._clock.monotonic(), document, key)
            self._keys.move_to_end(name)
            while len(self._keys) > self._count_max:
                self._keys.popitem(last=False)

    def forget(self, document: tuple[str, str]) -> None:
        """Drop every key of the document."""
        with self._lock:
            for name in [name for name, (_, owner, _) in self._keys.items() if owner == document]:
                del self._keys[name]

    def __len__(self) -> int:
        return len(self._keys)
