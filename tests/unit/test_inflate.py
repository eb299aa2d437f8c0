"""Compressed answers, whole and in pieces."""

from __future__ import annotations

import gzip
import zlib

import pytest

from routerkit import ProviderError
from routerkit.providers.inflate import Inflate

TWO = gzip.compress(b"hello, ", mtime=0) + gzip.compress(b"world", mtime=0)


def unpacked(data: bytes, step: int) -> bytes:
    inflate = Inflate(1_000)
    found = b"".join(inflate.feed(data[i : i + step], is_last=False) for i in range(0, len(data), step))
    return found + inflate.feed(b"", is_last=True)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1_000])
def test_members_of_gzip_follow_each_other(step):
    """As servers write them that compress each flush by itself."""
    assert b"hello, world" == unpacked(TWO, step)


@pytest.mark.parametrize("step", [1, 1_000])
@pytest.mark.parametrize(
    "data",
    [TWO + b"x", TWO + b"\x1f", TWO[:-3], TWO + zlib.compress(b"x"), zlib.compress(b"x") * 2, gzip.compress(b"", mtime=0) * 1_001],
    ids=["text behind", "half a mark behind", "cut", "another kind behind", "two of zlib", "too many"],
)
def test_what_ends_at_the_wrong_place_is_malformed(data, step):
    with pytest.raises(ProviderError, match="ends at the wrong place"):
        unpacked(data, step)


def test_members_count_together():
    with pytest.raises(ProviderError, match="larger than 1,000 bytes"):
        unpacked(gzip.compress(bytes(600), mtime=0) * 2, 1_000)
