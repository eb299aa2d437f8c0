"""Server-sent events, incrementally: bytes in as they arrive, the data of whole events out."""

from __future__ import annotations

from typing import Final

from routerkit.errors import ProviderError

MAX_EVENT_BYTES: Final = 16 * 1024 * 1024
"""Largest single event."""
_BOM: Final = b"\xef\xbb\xbf"
_FIELDS: Final = frozenset({b"event", b"id", b"retry"})


class SseDecoder:
    """Decodes one event stream (WHATWG HTML, section 9.2.6), except that only the data of events matters here.

    Works on bytes, so characters may be split anywhere; lines may end in LF, CR or CRLF.
    """

    foreign = b""
    """First line that no event stream contains; then the body is something else (HTML, JSON)."""
    _n_pending = 0
    _is_after_cr = False
    _is_first_line = True

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_bytes = max_event_bytes
        self._tail: list[bytes] = []
        self._data: list[bytes] = []

    def feed(self, data: bytes) -> list[bytes]:
        """Data of the events completed by these bytes.

        Raises:
            ProviderError: `malformed` if one event grows too large.
        """
        if events := self.whole(data):
            return events
        if b"\r" in data or self._is_after_cr:
            data = self._unified(data)
        self._n_pending += len(data)
        if b"\n" in data:
            lines = b"".join([*self._tail, data]).split(b"\n")
            self._tail = [lines.pop()]
            for line in lines:
                self._line(line, events)
            self._n_pending = len(self._tail[0]) + sum(map(len, self._data))
        else:
            self._tail.append(data)
        if self._n_pending > self._max_bytes:
            raise ProviderError(f"an event of the stream is larger than {self._max_bytes:,} bytes", code="malformed", maybe_billed=True)
        return events

    def whole(self, data: bytes) -> list[bytes]:
        """Data of the events that these bytes are, if whole ones of one line each and nothing else, as nearly always; else none."""
        if not (data.endswith(b"\n\n") and data.startswith(b"data: ") and self.is_at_rest):
            return []
        events = data[6:-2].split(b"\n\ndata: ")
        if data.count(b"\n") != 2 * len(events) or b"\r" in data or len(data) > self._max_bytes:
            return []
        self._is_first_line = False
        return events

    @property
    def is_at_rest(self) -> bool:
        """Whether what comes next begins an event."""
        return not (self._n_pending or self._data or self._is_after_cr)

    def flush(self) -> list[bytes]:
        """Data of an event that the end of the stream cut before its blank line; it may be incomplete."""
        return self.feed(b"\n\n")

    def _unified(self, data: bytes) -> bytes:
        if self._is_after_cr and data.startswith(b"\n"):  # second half of a CRLF
            data = data[1:]
            self._is_after_cr = False
        if data:
            self._is_after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _line(self, line: bytes, events: list[bytes]) -> None:
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            if self._data:
                events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                self._data = []
        elif line.startswith(b"data:"):
            self._data.append(line[6:] if line[5:6] == b" " else line[5:])
        elif line == b"data":
            self._data.append(b"")
        elif line[:1] != b":" and line.partition(b":")[0] not in _FIELDS:
            self.foreign = self.foreign or line
