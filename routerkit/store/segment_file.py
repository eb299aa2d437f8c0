"""One segment: a JSON-lines file that one process appends to and that is never appended to again once it is closed.

A live segment ends in `.open` and its writer holds an exclusive flock on it. The kernel drops that lock with the process, however it
dies, so "can I lock it?" answers "is its writer gone?" without process ids: ids are reused, and mean nothing across containers that
share a folder. (A process id is still in the name, for people.)
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

DATABASE: Final = "routerkit.duckdb"
_NAME: Final = re.compile(r"(?P<stream>[a-z][a-z0-9_]*)-\d+-\d+-[0-9a-f]+\.jsonl(\.open)?")
_OPEN: Final = ".open"
_MAX_HELD: Final = 256
"""Of the 1,024 files that a process may usually have open. More segments than that are a backlog, which nobody renames or removes soon."""


def hot_folder(folder: Path) -> Path:
    """Where the segments of a store lie until they are ingested."""
    return folder / "hot"


def stream_of(path: Path) -> str | None:
    """Stream a segment belongs to; None for any other file."""
    match = _NAME.fullmatch(path.name)
    return match["stream"] if match else None


def segment_id(path: Path) -> str:
    """Name of a segment, the same while it is open and after."""
    return path.name.removesuffix(_OPEN)


def list_segments(folder: Path) -> list[Path]:
    """All segments, open ones too, oldest first within a stream."""
    return sorted(p for p in _entries(hot_folder(folder)) if stream_of(p))


@contextmanager
def held_segments(folder: Path) -> Iterator[Mapping[Path, Path]]:
    """All segments, each with a path that stays good for the time of the block, whoever renames or removes the file meanwhile."""
    with ExitStack() as files:
        held: dict[str, tuple[Path, Path]] = {}
        while _hold_more(folder, held, files):
            pass
        yield dict(held.values())


def _hold_more(folder: Path, held: dict[str, tuple[Path, Path]], files: ExitStack) -> bool:
    """Open what is not held yet; says whether something was renamed or removed on the way, so that it is worth another look."""
    has_moved = False
    for path in list_segments(folder):
        if segment_id(path) in held:
            continue
        try:
            held[segment_id(path)] = path, _held(path, files) if len(held) < _MAX_HELD else path
        except FileNotFoundError:
            has_moved = True
        except OSError:
            held[segment_id(path)] = path, path  # whoever reads it will say what is wrong with it
    return has_moved


def _held(path: Path, files: ExitStack) -> Path:
    fd = os.open(path, os.O_RDONLY)
    files.callback(os.close, fd)
    return Path(f"/proc/self/fd/{fd}")


def list_closed(folder: Path) -> list[Path]:
    """Segments that nobody writes to any more, oldest first within a stream."""
    return [p for p in list_segments(folder) if p.suffix != _OPEN]


def close_orphans(folder: Path) -> int:
    """Close the segments whose writer is gone; returns how many."""
    return sum(_close_if_orphan(p) for p in list_segments(folder) if p.suffix == _OPEN)


def quarantine(path: Path) -> Path:
    """Set a segment that cannot be read aside, where nobody takes it for a segment; returns its new name."""
    return path.rename(path.with_name(f"{path.name}.bad"))


def write_segment(folder: Path, name: str, lines: bytes) -> None:
    """Make a whole, closed segment of a given name; whatever has that name is replaced.

    Raises:
        OSError: the disk refused, and there is none.
    """
    hot = hot_folder(folder)
    hot.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = hot / f"{name}.new"
    draft.touch(mode=0o600)
    draft.write_bytes(lines)
    draft.replace(hot / name)


class OpenSegment:
    """A live segment. Not thread-safe: one thread writes it.

    Raises:
        OSError: the folder cannot be made, or the file cannot be created or locked.
    """

    def __init__(self, folder: Path, stream: str, *, is_fsynced: bool) -> None:
        hot = hot_folder(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        hot.mkdir(mode=0o700, exist_ok=True)
        self._is_fsynced = is_fsynced
        self._path, self._fd = _create(hot, stream)
        self._size = 0
        self.n_rows = 0
        if is_fsynced:
            _fsync_folder(hot)

    def write(self, lines: bytes, n_rows: int) -> None:
        """Append whole lines, all or none.

        Raises:
            OSError: the disk refused; what was written of it is taken back, and the segment should be closed.
        """
        try:
            n_bytes, n_written = len(lines), os.write(self._fd, lines)
            while n_written < n_bytes:
                n_written += os.write(self._fd, memoryview(lines)[n_written:])
            if self._is_fsynced:
                os.fsync(self._fd)
        except OSError:
            # A torn line in the middle would swallow the next row.
            with suppress(OSError):
                os.ftruncate(self._fd, self._size)
            raise
        self._size += n_bytes
        self.n_rows += n_rows

    def close(self) -> None:
        """Hand the segment to the ingester; an empty one is removed.

        Raises:
            OSError: the file was moved or removed under us.
        """
        try:
            if self.n_rows:
                self._path.rename(self._path.with_suffix(""))
            else:
                self._path.unlink()
        finally:
            # Only now may the lock go: an ingester that got it earlier would rename as well.
            os.close(self._fd)

    def forget(self) -> None:
        """Let go of a descriptor inherited by fork; the parent keeps its lock and its file."""
        os.close(self._fd)


def _create(hot: Path, stream: str) -> tuple[Path, int]:
    while True:
        # The random part keeps names unique across hosts and clock steps: a name that was ingested once is never read again.
        path = hot / f"{stream}-{time.time_ns() // 1000:016d}-{os.getpid()}-{os.urandom(4).hex()}.jsonl{_OPEN}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        # Between creation and lock an ingester may take the file for an orphan; then it is renamed or still locked, and we try again.
        if _try_lock(fd) and path.exists():
            return path, fd
        os.close(fd)


def _close_if_orphan(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        if not _try_lock(fd):
            return False
        path.rename(path.with_suffix(""))
    except FileNotFoundError:
        return False
    finally:
        os.close(fd)
    return True


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _entries(hot: Path) -> list[Path]:
    try:
        return list(hot.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _fsync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
