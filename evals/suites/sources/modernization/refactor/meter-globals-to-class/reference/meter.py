from collections import deque

WINDOW = 4


class Meter:
    def __init__(self, limit=100):
        self._limit = limit
        self.reset()

    def reset(self):
        self._values = deque(maxlen=WINDOW)
        self._alarms = 0
        self._last = 0

    def feed(self, value):
        if value < 0:
            raise ValueError("negative value")
        # A lower value means that the counter of the device was replaced.
        used = value if value < self._last else value - self._last
        self._values.append(used)
        self._last = value
        if used > self._limit:
            self._alarms += 1
            return False
        return True

    def rate(self):
        return sum(self._values) / len(self._values) if self._values else 0.0

    def alarm(self):
        return self._alarms > 1

    def history(self):
        return list(self._values)
