from collections import OrderedDict


class Cache:
    """Keeps the `size` entries used last (read or written), each for `ttl_s` seconds after it was written."""

    def __init__(self, size, ttl_s, clock):
        if size < 1:
            raise ValueError("size must be at least 1")
        self._size, self._ttl_s, self._clock = size, ttl_s, clock
        self._items = OrderedDict()

    def put(self, key, value):
        """Store a value; drops the entries that were not used longest."""
        self._items.pop(key, None)
        self._items[key] = (value, self._clock() + self._ttl_s)
        while len(self._items) > self._size:
            self._items.popitem(last=False)

    def get(self, key, default=None):
        """The value, or the default when it is unknown or its time is over (exactly `ttl_s` later it is over)."""
        if key not in self._items:
            return default
        value, ends_at = self._items[key]
        if self._clock() >= ends_at:
            del self._items[key]
            return default
        self._items.move_to_end(key)
        return value

    def __len__(self):
        return len(self._items)
