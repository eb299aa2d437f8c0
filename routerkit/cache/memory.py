"""The newest answers, in this process."""

from __future__ import annotations

import threading
from collections import OrderedDict

from routerkit.cache.entry import Entry


class Memory:
    """Keeps the entries that were last used, up to a size in bytes. Thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes, self._n_bytes = max_bytes, 0
        self._entries: OrderedDict[str, tuple[Entry, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, now: float) -> Entry | None:
        """The entry, unless it has expired."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            if found[0].expires_at <= now:
                self._drop(key)
                return None
            self._entries.move_to_end(key)
            return found[0]

    def put(self, key: str, entry: Entry, n_bytes: int) -> None:
        """Keep an entry of this size; whatever was used longest ago makes room. One that would need all of it is not kept."""
        if n_bytes > self._max_bytes:
            return
        with self._lock:
            if key in self._entries:
                self._drop(key)
            self._entries[key] = entry, n_bytes
            self._n_bytes += n_bytes
            while self._n_bytes > self._max_bytes:
                self._drop(next(iter(self._entries)))

    def _drop(self, key: str) -> None:
        self._n_bytes -= self._entries.pop(key)[1]
