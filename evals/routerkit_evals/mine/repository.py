"""Reading a git repository: commits with what they change, and the text files of a tree. Nothing is written, checked out or fetched."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Self

from routerkit_evals.errors import EvalError

_GIT: Final = ("git", "--no-pager", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.quotepath=false")
_ENTRY, _FIELD, _END = "\x01", "\x02", "\x03"
"""Control characters that keep the parts of a log entry apart; no commit message holds them."""
_FORMAT: Final = f"--format={_ENTRY}%H{_FIELD}%P{_FIELD}%aI{_FIELD}%s{_FIELD}%b{_END}"
_FILE_BYTES: Final = 512 << 10
"""Longest file that is read; longer ones are data or generated."""
_CACHED_BLOBS: Final = 1 << 14


@dataclass(frozen=True, slots=True)
class Change:
    """One file of a commit; a moved file is one that went and one that came."""

    path: str
    n_lines: int | None
    """Lines added and removed; None for binary files."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit with a single parent."""

    id: str
    parent: str
    date: str
    """Of its author, YYYY-MM-DD."""
    subject: str
    body: str
    changes: tuple[Change, ...]


class Repository:
    """A repository on this machine, with or without a work tree. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            EvalError: there is none, git is missing, or it holds no commit.
        """
        self.path = path
        self._lock = threading.Lock()
        self.head = self._say("rev-parse", "--verify", "HEAD").strip()
        self._blobs = subprocess.Popen(  # noqa: S603  our own command line, no shell
            [*_GIT, "-C", path, "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.blob = lru_cache(_CACHED_BLOBS)(self._read_blob)

    @property
    def name(self) -> str:
        """Name of its folder, without what no name of a task may hold."""
        folder = self.path.resolve()
        name = (folder.parent if folder.name == ".git" else folder).name.removesuffix(".git")
        return "".join(letter if letter.isprintable() else "_" for letter in name)

    def close(self) -> None:
        """End the reading process."""
        self._blobs.kill()
        self._blobs.communicate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def count(self, since: str | None = None) -> int:
        """Number of commits that are not merges."""
        return int(self._say("rev-list", "--count", "--no-merges", *_since(since), self.head))

    def commits(self, since: str | None = None) -> Iterator[Commit]:
        """Commits that are not merges and have a parent, newest first."""
        command = [*_GIT, "-C", str(self.path), "log", "--no-merges", "--no-renames", "--numstat", "-z", _FORMAT, *_since(since), self.head]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as log:  # noqa: S603  our own command line, no shell
            assert log.stdout is not None
            rest = ""
            while chunk := log.stdout.read(1 << 16):
                # A character cut in two by the end of a chunk would only spoil a message; paths are compared with the tree's.
                *entries, rest = (rest + chunk.decode("utf-8", "replace")).split(_ENTRY)
                yield from filter(None, map(_commit, entries))
            yield from filter(None, [_commit(rest)])

    def tree(self, commit: str) -> dict[str, str]:
        """Text files of a commit, path → text; without links, submodules, binary and very long files."""
        return {path: text for path, blob in self.entries(commit).items() if (text := self.blob(blob)) is not None}

    @lru_cache(maxsize=64)  # noqa: B019  a repository lives as long as the command
    def entries(self, commit: str) -> dict[str, str]:
        """Regular files of a commit that are not too long and have a name that can be printed, path → id of the blob."""
        found = {}
        for line in self._say("ls-tree", "-r", "-z", "-l", commit).split("\0"):
            facts, _, path = line.partition("\t")
            mode, *_, blob, size = facts.split() or ["", "", "0"]
            if mode.startswith("100") and size.isdigit() and int(size) <= _FILE_BYTES and path.isprintable():
                found[path] = blob
        return found

    def file(self, commit: str, path: str) -> str | None:
        """Text of one file; None when it is not there or no text."""
        blob = self.entries(commit).get(path)
        return None if blob is None else self.blob(blob)

    def _read_blob(self, blob: str) -> str | None:
        assert self._blobs.stdin is not None
        assert self._blobs.stdout is not None
        with self._lock:
            self._blobs.stdin.write(blob.encode() + b"\n")
            self._blobs.stdin.flush()
            head = self._blobs.stdout.readline().split()
            if len(head) != 3:
                return None
            body = self._blobs.stdout.read(int(head[2]) + 1)[:-1]
        try:
            return None if b"\0" in body else body.decode("utf-8")
        except UnicodeDecodeError:
            return None

    def _say(self, *arguments: str) -> str:
        try:
            done = subprocess.run([*_GIT, "-C", self.path, *arguments], capture_output=True, check=True)  # noqa: S603
        except FileNotFoundError as exc:
            raise EvalError("git is not on the PATH; install it (apt install git)") from exc
        except subprocess.CalledProcessError as exc:
            said = exc.stderr.decode("utf-8", "replace").strip().splitlines()
            raise EvalError(f"--repo {self.path}: {said[0] if said else 'git failed'}; name a git repository with commits") from exc
        return done.stdout.decode("utf-8", "surrogateescape")


def _since(since: str | None) -> list[str]:
    return [f"--since={since}"] if since else []


def _commit(entry: str) -> Commit | None:
    """Commit of one log entry; None for the first of a history, which has nothing to start from."""
    head, _, stats = entry.partition(_END)
    if not head or len(fields := head.split(_FIELD)) != 5 or not fields[1]:
        return None
    changes = tuple(_change(line) for line in stats.strip("\0\n").split("\0") if line)
    return Commit(fields[0], fields[1], fields[2][:10], fields[3], fields[4].strip(), changes)


def _change(line: str) -> Change:
    added, removed, path = line.lstrip("\n").split("\t", 2)
    return Change(path, int(added) + int(removed) if added.isdigit() else None)
