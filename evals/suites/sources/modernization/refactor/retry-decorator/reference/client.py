import functools


class Busy(Exception):
    pass


def retry(times, on, wait=lambda attempt: 1):
    """Call a method up to `times` times while it raises `on`, pausing `wait(attempt)` seconds in between."""

    def decorate(method):
        @functools.wraps(method)
        def call(self, *args, **kwargs):
            for attempt in range(1, times + 1):
                try:
                    return method(self, *args, **kwargs)
                except on as exc:
                    self.log.append(f"{method.__name__}: {type(exc).__name__}")
                    if attempt == times:
                        raise
                self.sleep(wait(attempt))

        return call

    return decorate


class Client:
    def __init__(self, wire, sleep):
        self.wire = wire
        self.sleep = sleep
        self.log = []

    @retry(3, (Busy, ConnectionError), wait=lambda attempt: attempt * 2)
    def read(self, key):
        """Value of a key."""
        return self.wire("read", key)

    @retry(5, Busy, wait=lambda attempt: 2**attempt)
    def write(self, key, value, *, force=False):
        """Store a value."""
        return self.wire("force" if force else "write", key, value)

    @retry(2, ConnectionError)
    def delete(self, *keys):
        """Delete keys; number of keys deleted."""
        return sum(self.wire("delete", key) for key in keys)

    @retry(3, (Busy, ConnectionError, TimeoutError))
    def ping(self):
        """Whether somebody answers."""
        self.wire("ping")
        return True
