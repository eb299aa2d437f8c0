from collections import deque


class Full(Exception):
    pass


class Empty(Exception):
    pass


class Ring:
    def __init__(self, size=8):
        if not 2 <= size <= 128 or size & (size - 1):
            raise ValueError(f"size {size} is no power of two from 2 to 128")
        self._size = size
        self._data = deque()

    @property
    def count(self):
        return len(self._data)

    def put(self, byte):
        if self.count == self._size:
            raise Full
        self._data.append(byte & 0xFF)

    def get(self):
        if not self._data:
            raise Empty
        return self._data.popleft()

    def peek(self, offset):
        """Offset 0 is the oldest byte; negative offsets count from the newest."""
        try:
            return self._data[offset]
        except IndexError:
            raise Empty from None

    def write(self, data):
        stored = data[: self._size - self.count]
        self._data.extend(stored)
        return len(stored)

    def crc(self):
        """Over the bytes inside, oldest first."""
        crc = 0xFFFF
        for byte in self._data:
            crc ^= byte << 8
            for _ in range(8):
                crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
            crc &= 0xFFFF
        return crc
