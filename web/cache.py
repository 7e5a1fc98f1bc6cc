"""Decoded pictures that several requests need, bounded in memory: what was not used for longest goes first."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")
Key = tuple[Hashable, ...]


class Cache:
    """Values by key, made when they are first asked for, once for all threads that wait for them.

    Args:
        most_bytes: what all values together may take; the value made last stays whatever it takes.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._values: OrderedDict[Key, tuple[Any, int]] = OrderedDict()
        self._making: dict[Key, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], T], size_of: Callable[[T], int]) -> T:
        """The value of a key; `make` may ask for others, and what it raises is raised here."""
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    return self._values[key][0]
            try:
                value = make()
                self.put(key, value, size_of(value))
                return value
            finally:
                with self._lock:
                    self._making.pop(key, None)

    def put(self, key: Key, value: Any, size: int) -> None:
        """Keep a value of so many bytes."""
        with self._lock:
            self._forget(key)
            self._values[key] = value, size
            self.bytes += size
            while self.bytes > self.most_bytes and len(self._values) > 1:
                self._forget(next(iter(self._values)))

    def drop(self, *beginning: Hashable) -> None:
        """Forget every value whose key begins so."""
        with self._lock:
            for key in [key for key in self._values if key[: len(beginning)] == beginning]:
                self._forget(key)

    def _forget(self, key: Key) -> None:
        if key in self._values:
            self.bytes -= self._values.pop(key)[1]
