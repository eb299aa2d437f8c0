"""What is remembered of bytes is bounded, and the same as what would be read."""

from __future__ import annotations

from routerkit.gateway.memo import Memo


def test_what_was_read_is_not_read_again_while_it_is_asked_for():
    read: list[bytes] = []
    memo = Memo(lambda written: read.append(written) or len(written), most_bytes=12_000)
    for n in range(40):
        assert [3, 2] == memo.each([b"abc", b"%02d" % n])
    assert (1, 41) == (read.count(b"abc"), len(read))


def test_what_is_remembered_is_bounded():
    memo = Memo(len, most_bytes=20_000)
    for n in range(1_000):
        assert 4 == memo.of(b"%04d" % n)
    assert len(memo._young) + len(memo._old) <= 20


def test_what_is_long_or_mostly_brackets_is_read_each_time():
    memo = Memo(lambda written: [written])
    for written in (b"x" * 300_000, b"[" * 100 + b"]" * 100):
        assert memo.of(written) is not memo.of(written)
    assert memo.of(b"[{}]") is memo.of(b"[{}]")


def test_what_says_nothing_is_asked_again_and_spoils_the_rest():
    memo = Memo(lambda written: written or None)
    assert memo.each([b"a", b""]) is None
    assert [b"a", b"b"] == memo.each([b"a", b"b"])
