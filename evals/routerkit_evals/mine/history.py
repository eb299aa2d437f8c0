"""Candidates out of a history: the parent's files with the commit's tests, to become the commit's sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from routerkit_evals.mine.candidate import Candidate, Loss
from routerkit_evals.mine.filters import Footprint, footprint, is_runnable, is_source, is_test, refusal
from routerkit_evals.mine.repository import Commit, Repository


@dataclass(frozen=True, slots=True)
class Sources:
    """Sources a commit changes, path → text before and after."""

    before: dict[str, str]
    after: dict[str, str]


def sources_of(commit: Commit, repository: Repository) -> Sources:
    """What a commit does to Python sources; files that came or went are on one side only."""
    paths = [change.path for change in commit.changes if is_source(change.path)]
    states = ({p: text for p in paths if (text := repository.file(at, p)) is not None} for at in (commit.parent, commit.id))
    return Sources(*states)


@dataclass(slots=True)
class Seen:
    """Changes that were met before, newest first."""

    _footprints: list[Footprint] = field(default_factory=list)

    def refusal(self, sources: Sources) -> Loss | None:
        """Whether nearly the same change, or its undoing, was met; remembers it if not."""
        mark = footprint(sources.before, sources.after)
        for other in self._footprints:
            if mark.repeats(other):
                return Loss("nearly the same change as another")
            if other.undoes(mark):
                return Loss("taken back later")
        self._footprints.append(mark)
        return None


def history(repository: Repository, since: str | None = None) -> Iterator[Candidate | Loss]:
    """One candidate, or the reason against it, for each commit, newest first."""
    seen = Seen()
    for commit in repository.commits(since):
        yield refusal(commit) or _candidate(commit, repository, seen)


def _candidate(commit: Commit, repository: Repository, seen: Seen) -> Candidate | Loss:
    sources = sources_of(commit, repository)
    if loss := seen.refusal(sources):
        return loss
    tests = {c.path: text for c in commit.changes if is_test(c.path) and (text := repository.file(commit.id, c.path)) is not None}
    targets = tuple(sorted(path for path in tests if is_runnable(path)))
    if not targets or not sources.after:
        return Loss("only takes tests or sources away")
    return Candidate(
        key=f"history:{commit.id}",
        mode="history",
        tree=commit.parent,
        after=sources.after,
        targets=targets,
        tests=tests,
        subject=commit.subject,
        body=commit.body,
        date=commit.date,
        commit=commit.id,
    )
