class Busy(Exception):
    pass


class Client:
    def __init__(self, wire, sleep):
        self.wire = wire
        self.sleep = sleep
        self.log = []

    def read(self, key):
        """Value of a key."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return self.wire("read", key)
            except (Busy, ConnectionError) as exc:
                self.log.append("read: " + type(exc).__name__)
                if attempt == 3:
                    raise
                self.sleep(attempt * 2)

    def write(self, key, value, *, force=False):
        """Store a value."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return self.wire("force" if force else "write", key, value)
            except Busy as exc:
                self.log.append("write: " + type(exc).__name__)
                if attempt == 5:
                    raise
                self.sleep(2 ** attempt)

    def delete(self, *keys):
        """Delete keys; number of keys deleted."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return sum(self.wire("delete", key) for key in keys)
            except ConnectionError as exc:
                self.log.append("delete: " + type(exc).__name__)
                if attempt == 2:
                    raise
                self.sleep(1)

    def ping(self):
        """Whether somebody answers."""
        attempt = 0
        while True:
            attempt += 1
            try:
                self.wire("ping")
                return True
            except (Busy, ConnectionError, TimeoutError) as exc:
                self.log.append("ping: " + type(exc).__name__)
                if attempt == 3:
                    raise
                self.sleep(1)
