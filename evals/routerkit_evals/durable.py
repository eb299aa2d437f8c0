"""Files that survive a crash whole, and a folder that only one run writes at a time."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from routerkit_evals.errors import EvalError


def write_atomically(path: Path, text: str | bytes) -> None:
    """Replace a file's contents at once and durably; where a link leads to it, the link stays.

    A pipe or a device, such as `/dev/stdout`, takes the text and stays what it is.

    Raises:
        OSError: the folder cannot be written; the old file is untouched.
    """
    body = text.encode() if isinstance(text, str) else text
    if path.exists() and not path.is_file():
        path.write_bytes(body)
        return
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(fd, "wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold a folder for one run; the lock ends with the process, however it ends.

    Raises:
        EvalError: another run holds it: both would pay for the same answers; or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "eval.lock").open("ab+", buffering=0)
    except OSError as exc:
        raise EvalError(f"{folder}: samples cannot be stored there ({exc.strerror or exc}); choose another folder") from exc
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            lock.seek(0)
            who = lock.read(200).decode(errors="replace").strip() or "another process"
            raise EvalError(f"{folder}: an eval run writes here already ({who}); wait for it, or give another --data") from exc
        try:
            lock.truncate(0)
            lock.write(f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC".encode())
        except OSError as exc:
            raise EvalError(f"{folder}: samples cannot be stored there ({exc.strerror or exc}); free the disk, or correct --data") from exc
        yield
