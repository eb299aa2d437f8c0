"""Decompression of answers, bounded: a few kilobytes may unpack to gigabytes."""

from __future__ import annotations

import zlib
from typing import Final

from routerkit.errors import ProviderError

CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})
"""Values of `content-encoding` that are understood."""
_GZIP: Final = b"\x1f\x8b"
_MOST_MEMBERS: Final = 1_000
"""Each takes longer to begin than a kilobyte takes to unpack."""


class Inflate:
    """gzip and deflate, both kinds, bounded. We ask for neither, but some gateways compress regardless."""

    def __init__(self, max_bytes: int) -> None:
        """Prepare for one body of at most so many bytes after decompression."""
        self._max = self._left = max_bytes
        self._held = b""
        self._codec: zlib._Decompress | None = None
        self._n_members = 0

    def feed(self, data: bytes, *, is_last: bool) -> bytes:
        """Decompressed bytes of the next compressed ones.

        Raises:
            ProviderError: `malformed` if they do not decompress, or to too much.
        """
        self._held += data
        out = [self._some()] if self._can_go_on() else []
        while self._held and self._can_go_on():
            out.append(self._some())
        if is_last and self._codec is not None and (self._held or not self._codec.eof):
            raise _misplaced_end()
        return b"".join(out)

    def _can_go_on(self) -> bool:
        """Whether there is a member that has begun, or the two bytes that tell the kind of the next."""
        return len(self._held) >= 2 or (self._codec is not None and not self._codec.eof)

    def _some(self) -> bytes:
        """What is held, decompressed up to the end of a member, of which gzip may have several (RFC 1952)."""
        data, codec = self._held, self._codec
        if codec is None or codec.eof:
            if self._n_members and (not data.startswith(_GZIP) or self._n_members == _MOST_MEMBERS):
                raise _misplaced_end()
            self._n_members += 1
            codec = self._codec = zlib.decompressobj(_window(data))
        try:
            out = codec.decompress(data, self._left + 1)
        except zlib.error as exc:
            raise ProviderError(f"answer does not decompress: {exc}", code="malformed", maybe_billed=True) from exc
        self._held = codec.unused_data
        self._left -= len(out)
        if self._left < 0:
            raise too_large("decompressed body", self._max)
        return out


def _misplaced_end() -> ProviderError:
    return ProviderError("compressed answer ends at the wrong place", code="malformed", maybe_billed=True)


def _window(start: bytes) -> int:
    """Value of `wbits` for what the first two bytes announce: gzip, zlib, or bare deflate (RFC 1950, 1952)."""
    if start.startswith(_GZIP):
        return 31
    return 15 if start[0] & 15 == 8 and int.from_bytes(start[:2], "big") % 31 == 0 else -15


def too_large(part: str, limit: int) -> ProviderError:
    """An answer has a part that we do not read to its end."""
    return ProviderError(f"answer's {part} is larger than {limit:,} bytes", code="malformed", maybe_billed=True)
