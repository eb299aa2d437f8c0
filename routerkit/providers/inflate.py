"""Decompression of answers, bounded: a few kilobytes may unpack to gigabytes."""

from __future__ import annotations

import zlib
from typing import Final

from routerkit.errors import ProviderError

CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})
"""Values of `content-encoding` that are understood."""


class Inflate:
    """gzip and deflate, both kinds, bounded. We ask for neither, but some gateways compress regardless."""

    def __init__(self, max_bytes: int) -> None:
        """Prepare for one body of at most so many bytes after decompression."""
        self._max = self._left = max_bytes
        self._held = b""
        self._codec: zlib._Decompress | None = None

    def feed(self, data: bytes, *, is_last: bool) -> bytes:
        """Decompressed bytes of the next compressed ones.

        Raises:
            ProviderError: `malformed` if they do not decompress, or to too much.
        """
        if self._codec is None:
            self._held += data
            if len(self._held) < 2:
                return b""
            self._codec, data = zlib.decompressobj(_window(self._held)), self._held
        try:
            out = self._codec.decompress(data, self._left + 1)
        except zlib.error as exc:
            raise ProviderError(f"answer does not decompress: {exc}", code="malformed", maybe_billed=True) from exc
        self._left -= len(out)
        if self._left < 0:
            raise too_large("decompressed body", self._max)
        if self._codec.unused_data or (is_last and not self._codec.eof):
            raise ProviderError("compressed answer ends at the wrong place", code="malformed", maybe_billed=True)
        return out


def _window(start: bytes) -> int:
    """Value of `wbits` for what the first two bytes announce: gzip, zlib, or bare deflate (RFC 1950, 1952)."""
    if start[:2] == b"\x1f\x8b":
        return 31
    return 15 if start[0] & 15 == 8 and int.from_bytes(start[:2], "big") % 31 == 0 else -15


def too_large(part: str, limit: int) -> ProviderError:
    """An answer has a part that we do not read to its end."""
    return ProviderError(f"answer's {part} is larger than {limit:,} bytes", code="malformed", maybe_billed=True)
