"""What might become a task: a state that fails tests, and the change that makes them pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Mode = Literal["history", "reverse", "mutants", "tests"]
MODES: Final[tuple[Mode, ...]] = ("history", "reverse", "mutants", "tests")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A change with its tests, not run yet. States are the files of `tree` with others laid over them."""

    key: str
    """Names it among all candidates of a repository, the same in every run."""
    mode: Mode
    tree: str
    """Commit whose files everything starts from."""
    after: Mapping[str, str]
    """Files as they end up, path → text: what a right answer writes."""
    targets: tuple[str, ...]
    """Test files to run."""
    before: Mapping[str, str] = field(default_factory=dict)
    """Sources as they are in the beginning, where they differ from `tree`."""
    tests: Mapping[str, str] = field(default_factory=dict)
    """Files of the tests, where they differ from `tree`."""
    about: str = ""
    """Source that tests are to be written for."""
    subject: str = ""
    body: str = ""
    date: str = ""
    commit: str = ""
    """Where it is from; never shown to a model."""


@dataclass(frozen=True, slots=True)
class Loss:
    """A commit or candidate that becomes no task."""

    reason: str
    """One of a few, so that they can be counted."""
    detail: str = ""
    """One line about this one."""
