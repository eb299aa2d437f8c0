"""Candidates at the newest commit: an older change is taken back where that still fits, so one environment serves them all."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path

from routerkit_evals.mine.candidate import Candidate, Loss
from routerkit_evals.mine.filters import is_runnable, refusal
from routerkit_evals.mine.history import Seen, Sources, sources_of
from routerkit_evals.mine.repository import Commit, Repository


def reverse(repository: Repository, since: str | None = None, *, taken: Container[str] = ()) -> Iterator[Candidate | Loss]:
    """One candidate, or the reason against it, for each commit, newest first.

    Args:
        repository: Where commits come from.
        since: Date of the oldest.
        taken: Commits that are tasks already, by id; the same change is not asked twice.
    """
    seen = Seen()
    for commit in repository.commits(since):
        if commit.id in taken:
            yield Loss("a task by its own history")
        else:
            yield refusal(commit) or _candidate(commit, repository, seen)


def _candidate(commit: Commit, repository: Repository, seen: Seen) -> Candidate | Loss:
    sources, head = sources_of(commit, repository), repository.entries(repository.head)
    if loss := seen.refusal(sources):
        return loss
    targets = tuple(sorted(c.path for c in commit.changes if is_runnable(c.path) and c.path in head))
    if not targets:
        return Loss("its tests are gone by now")
    before = _without(sources, repository)
    if before is None:
        return Loss("cannot be taken back any more")
    return Candidate(
        key=f"reverse:{repository.head}:{commit.id}",
        mode="reverse",
        tree=repository.head,
        before=before,
        after={path: repository.file(repository.head, path) or "" for path in before},
        targets=targets,
        subject=commit.subject,
        body=commit.body,
        date=commit.date,
        commit=commit.id,
    )


def _without(sources: Sources, repository: Repository) -> dict[str, str] | None:
    """The newest sources without a change; None where they have moved on too far."""
    found: dict[str, str] = {}
    for path in {**sources.before, **sources.after}:
        now, old, new = repository.file(repository.head, path), sources.before.get(path), sources.after.get(path)
        if now is None or old is None or new is None or (merged := _merged(now, new, old)) is None:
            return None
        found[path] = merged
    return found


def _merged(current: str, base: str, other: str) -> str | None:
    """Three-way merge of texts; None on a conflict."""
    with tempfile.TemporaryDirectory(prefix="routerkit-mine-") as folder:
        paths = [Path(folder, name) for name in ("current", "base", "other")]
        for path, text in zip(paths, (current, base, other), strict=True):
            path.write_text(text, "utf-8", newline="")
        done = subprocess.run(["git", "merge-file", "-p", "-q", *paths], capture_output=True, check=False)  # noqa: S603, S607  git of the PATH
    return done.stdout.decode("utf-8") if done.returncode == 0 else None
