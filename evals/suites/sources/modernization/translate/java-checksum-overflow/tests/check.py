import functools
import math

from checklib import *
from checksum import average, bucket, hex, mix, roll


def i32(x):
    return (x + 2**31) % 2**32 - 2**31


def expected_roll(data):
    h = 17
    for b in data:
        h = i32(h * 31 + (b - 256 if b > 127 else b))
        h = i32(h ^ ((h % 2**32) >> 7))
    return h


def expected_mix(a, b):
    wrap = lambda x: (x + 2**63) % 2**64 - 2**63
    x = wrap(a ^ wrap(b << 13))
    x = wrap(x + (x >> 9))
    x = wrap(x * 0x9E3779B97F4A7C15)
    return wrap(x ^ ((x % 2**64) >> 32))


same(roll(b""), 17)
same(roll(b"\x01"), 528 ^ (528 >> 7))
for data in (b"\xff", b"hello world", bytes(range(256)), b"\x80" * 50, b"\x7f" * 9):
    same(roll(data), expected_roll(data))
for a, b in ((0, 0), (1, 0), (-1, 1), (2**63 - 1, 2**62), (-(2**63), -1), (123456789, 987654321), (-5, 2**51)):
    same(mix(a, b), expected_mix(a, b))
    assert -(2**63) <= mix(a, b) < 2**63
same([average([1, 2]), average([-1, -2]), average([7]), average([-7, 0]), average([2**31 - 1, 1]), average([2**31 - 1, 2**31 - 1, 2])],
     [1, -1, 7, -3, -(2**30), 0])
assert raises(ZeroDivisionError, average, [])
same([bucket("", 7), bucket("a", 10), bucket("hello", 1000), bucket("polygenelubricants", 10), bucket("\uffff\uffff", 97)],
     [0, 7, 322, 8, (65535 * 31 + 65535) % 97])
same(bucket("java programming language", 13), abs(int(math.fmod(functools.reduce(lambda h, c: i32(h * 31 + ord(c)), "java programming language", 0), 13))))
same(bucket("hello", -1000), 322)
assert raises(ZeroDivisionError, bucket, "x", 0)
same([hex(0), hex(-1), hex(2**31 - 1), hex(-(2**31)), hex(48879)], ["00000000", "ffffffff", "7fffffff", "80000000", "0000beef"])
