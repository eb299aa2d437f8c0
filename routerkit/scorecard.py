"""Measured estimates per (target, task kind): how often it succeeds, what it costs, how long it takes. Immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Final

from routerkit.errors import ConfigError
from routerkit.joint import MOST, JointOutcomes, VerifierCounts
from routerkit.posterior import Estimate, Prior
from routerkit.table import Cell, Work, estimate, level_strengths

if TYPE_CHECKING:
    from os import PathLike
from pathlib import Path

SCHEMA: Final = "rk-scorecard/1"
PRIOR_QUALITY: Final = 0.5
"""Share of successes assumed of a target nobody measured."""
PRIOR_N: Final = 4.0
"""How many samples that assumption is worth; small, so that the first measurements speak."""
STALE_AFTER: Final = timedelta(days=30)
"""Age from which decisions mention it; providers change models behind a name more often than that (ours)."""
_CLOCKS_DIFFER: Final = timedelta(days=1)
"""How far ahead a date may be: clocks, and time zones that nobody named, are off by less."""


@dataclass(frozen=True, eq=False)
class Scorecard:
    """All cells of one publication. Compared by identity or `revision`.

    Raises:
        ValueError: a prior that is certain, or worth nothing; no posterior could follow from it.
    """

    cells: tuple[Cell, ...] = ()
    prior_quality: float = PRIOR_QUALITY
    prior_n: float = PRIOR_N
    made_at: datetime | None = None
    """Without a time zone it is taken for UTC."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Provenance: run ids, commit, sandbox level, price version."""
    joint: tuple[JointOutcomes, ...] = ()
    """Outcomes on the same tasks, one entry per task kind; what cascades are planned from."""
    verifiers: tuple[VerifierCounts, ...] = ()
    """How well answers are checked, one entry per verifier and kind."""
    published: Mapping[str, tuple[Prior, ...]] = field(default_factory=dict)
    """Target → what public leaderboards say of its model, see `priors`. No part of the file, nor of the revision."""
    troubles: tuple[str, ...] = field(default=(), compare=False)
    """What decisions on it must say: why it is empty, what in it fits nothing."""
    revision: str = field(default="", init=False)
    """Short hash of the contents; empty for the empty scorecard."""
    cited: str = field(default="", init=False)
    """How decisions name it: the revision, and the run that measured it where that is known."""

    def __post_init__(self) -> None:
        if not (0.0 < self.prior_quality < 1.0 and 0.0 < self.prior_n <= MOST):
            raise ValueError(
                f"prior quality {self.prior_quality} must lie strictly between 0 and 1, prior n {self.prior_n} above 0, at most {MOST:g}"
            )
        if self.made_at is not None and self.made_at.tzinfo is None:  # a file that people wrote; decisions compare it with the clock
            object.__setattr__(self, "made_at", self.made_at.replace(tzinfo=UTC))
        revision = _fingerprint(self) if self.cells else ""
        object.__setattr__(self, "revision", revision)
        object.__setattr__(self, "cited", f"{revision}@{self.sources['run']}" if revision and self.sources.get("run") else revision)

    def estimate(self, target: str, kind: str | None, language: str | None = None, repo: str | None = None) -> Estimate:
        """Posterior for a target on some work, shrunk level by level toward all of the target's work and a prior; never missing."""
        cells = [c for c in self.cells if c.target == target]
        return estimate(cells, self.work(kind, language, repo), self._prior(target, kind), self._strengths)

    def work(self, kind: str | None, language: str | None, repo: str | None) -> Work:
        """The narrowest work that was measured apart: languages and repositories nobody measured make no difference."""
        if (kind, language) not in self._parts:
            return Work(kind)
        return Work(kind, language, repo if (kind, language, repo) in self._parts else None)

    @property
    def models(self) -> Mapping[str, str]:
        """Target → the model that was measured, as far as `sources` tell."""
        listed = self.sources.get("models", "").partition(" and ")[0]  # "… and 3 more" names none
        pairs = (entry.partition("=") for entry in listed.split(", "))
        return {target: model for target, is_pair, model in pairs if is_pair}

    @cached_property
    def has_parts(self) -> bool:
        """Whether anything was measured by language or repository."""
        return any(c.language for c in self.cells)

    @cached_property
    def _parts(self) -> frozenset[tuple[str | None, ...]]:
        by_language = [c for c in self.cells if c.language]
        return frozenset((c.kind, c.language) for c in by_language) | frozenset((c.kind, c.language, c.repo) for c in by_language if c.repo)

    @cached_property
    def _strengths(self) -> tuple[float, ...]:
        return level_strengths(self.cells)

    def _prior(self, target: str, kind: str | None) -> Prior:
        found = self.published.get(target, ())
        return next((p for p in found if p.kind in {kind, None}), None) or Prior(self.prior_quality, self.prior_n)

    def notes(self, at: datetime) -> tuple[str, ...]:
        """What a decision made at this instant must say about it."""
        if self.made_at is None or -_CLOCKS_DIFFER <= (age := at - self.made_at) < STALE_AFTER:
            return self.troubles
        if age < timedelta():
            ahead = f"the scorecard is dated {(-age).days} days ahead, so nobody can tell how old it is; look at the clock that dated it"
            return (*self.troubles, ahead)
        return (*self.troubles, f"the scorecard is {age.days} days old; measure again with `routerkit eval run`")

    def to_json(self) -> str:
        """Text of `scorecard.json`."""
        import json  # as in `_fingerprint`

        made_at = self.made_at.isoformat() if self.made_at else None
        body = {
            "schema": SCHEMA,
            "revision": self.revision,
            "made_at": made_at,
            "prior": {"quality": self.prior_quality, "n": self.prior_n},
            "sources": dict(self.sources),
            "cells": [_cell_json(c) for c in self.cells],
            "joint": [j.to_json() for j in self.joint],
            "verifiers": [asdict(v) for v in self.verifiers],
        }
        return json.dumps(body, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "scorecard") -> Scorecard:
        """Parse `scorecard.json`.

        Raises:
            ConfigError: not JSON, another schema, a cell with an impossible value, or contents that do not match the revision; the message
                says which.
        """
        import json  # as in `_fingerprint`

        try:
            body = json.loads(text)
            if body.get("schema") != SCHEMA:
                raise ConfigError(
                    f"{where}: schema {body.get('schema')!r} is not {SCHEMA!r}; publish it again with `routerkit scores publish`"
                )
            cells = tuple(Cell(**c) for c in body["cells"])
            made_at = datetime.fromisoformat(body["made_at"]) if body.get("made_at") else None
            prior = body.get("prior") or {}
            card = cls(
                cells,
                float(prior.get("quality", PRIOR_QUALITY)),
                float(prior.get("n", PRIOR_N)),
                made_at,
                {str(name): str(value) for name, value in (body.get("sources") or {}).items()},
                tuple(JointOutcomes.from_json(j) for j in body.get("joint") or ()),
                tuple(VerifierCounts(**v) for v in body.get("verifiers") or ()),
            )
            stated = body.get("revision")
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as exc:
            raise ConfigError(f"{where}: not a scorecard ({exc}); publish it again with `routerkit scores publish`") from exc
        if stated and stated != card.revision:
            raise ConfigError(
                f"{where}: contents do not match their revision {stated!r}; it was changed by hand or cut; publish it again with "
                "`routerkit scores publish`, or take the revision out to use it as it is"
            )
        return card


def load_scorecard(path: str | PathLike[str]) -> Scorecard:
    """Read a published scorecard.

    Raises:
        ConfigError: the file cannot be read or is not a scorecard.
    """
    try:
        return Scorecard.from_json(Path(path).read_text("utf-8"), str(path))
    except FileNotFoundError as exc:
        raise ConfigError(f"{path}: no scorecard there; make one with `routerkit scores publish`") from exc
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path}: cannot read the scorecard ({getattr(exc, 'strerror', None) or exc})") from exc


def _cell_json(cell: Cell) -> dict[str, object]:
    """Without language and repository where they are not set, as files were before there were any."""
    return {name: value for name, value in asdict(cell).items() if value is not None or name not in {"language", "repo"}}


def _fingerprint(card: Scorecard) -> str:
    import hashlib  # loads OpenSSL; with json a tenth of our import time, and a router without a scorecard needs neither
    import json

    cascades = [[j.to_json() for j in card.joint], [asdict(v) for v in card.verifiers]] if card.joint or card.verifiers else []
    text = json.dumps([_cell_json(c) for c in card.cells] + [float(card.prior_quality), float(card.prior_n), *cascades], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def now_utc() -> datetime:
    """The current instant, UTC-aware."""
    return datetime.now(UTC)
