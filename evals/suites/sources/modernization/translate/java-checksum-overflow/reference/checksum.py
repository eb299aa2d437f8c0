def _signed(value, bits):
    half = 1 << (bits - 1)
    return (value + half) % (1 << bits) - half


def _divide(a, b):
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def roll(data):
    h = 17
    for byte in data:
        h = _signed(h * 31 + _signed(byte, 8), 32)
        h = _signed(h ^ ((h & 0xFFFFFFFF) >> 7), 32)
    return h


def mix(a, b):
    x = _signed(a ^ (b << 13), 64)
    x = _signed(x + (x >> 9), 64)
    x = _signed(x * 0x9E3779B97F4A7C15, 64)
    return _signed(x ^ ((x & 0xFFFFFFFFFFFFFFFF) >> 32), 64)


def average(values):
    """Mean of ints, as Java divides them."""
    return _divide(_signed(sum(values), 32), len(values))


def bucket(key, n):
    h = 0
    for char in key:
        h = _signed(h * 31 + ord(char), 32)
    return abs(h - _divide(h, n) * n)


def hex(value):
    return f"{value & 0xFFFFFFFF:08x}"
