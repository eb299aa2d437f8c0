import binascii

from checklib import *
from ring import Empty, Full, Ring

r = Ring(4)
same([r.count, r.crc()], [0, 0xFFFF])
assert raises(Empty, r.get) and raises(Empty, r.peek, 0) and raises(Empty, r.peek, -1)
r.put(1)
r.put(257)
r.put(-1)
r.put(300)
same(r.count, 4)
assert raises(Full, r.put, 9) and r.count == 4
same([r.peek(i) for i in (0, 1, 2, 3, -1, -4)], [1, 1, 255, 44, 44, 1])
assert raises(Empty, r.peek, 4) and raises(Empty, r.peek, -5)
same([r.get(), r.get(), r.count], [1, 1, 2])
same(r.write(b"xyz"), 2)
same([r.get() for _ in range(4)], [255, 44, 120, 121])
same(r.write(b""), 0)
r = Ring()
same(r.write(b"123456789"), 8)
same(r.crc(), binascii.crc_hqx(b"12345678", 0xFFFF))
for i in range(1000):
    r.get()
    r.put(i)
    assert r.count == 8
same([r.peek(0), r.peek(-1)], [(992) % 256, 999 % 256])
same(r.crc(), binascii.crc_hqx(bytes(i % 256 for i in range(992, 1000)), 0xFFFF))
big = Ring(128)
same([big.write(bytes(range(200))), big.count, big.get(), big.peek(-1)], [128, 128, 0, 127])
for size in (0, 1, 3, 6, 127, 256, -2):
    assert raises(ValueError, Ring, size), size
for size in (2, 16, 64):
    same(Ring(size).write(bytes(300)), size)
other = Ring()
same(other.count, 0)
assert issubclass(Full, Exception) and issubclass(Empty, Exception)
