"""Turning samples into the scorecard the router reads, published so that a reader sees the old one or the new one, never half."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from routerkit import Cell, ConfigError, Json, Scorecard, load_scorecard
from routerkit.joint import VerifierCounts
from routerkit_evals.cells import cells_of
from routerkit_evals.durable import write_atomically
from routerkit_evals.errors import EvalError, WithheldError
from routerkit_evals.guardrails import Change, Guardrails, guard
from routerkit_evals.joint import joint_outcomes
from routerkit_evals.records import code_commit
from routerkit_evals.sample import HARNESS, Sample

_SHOWN: Final = 20
"""Most values of one sort listed in the provenance."""


class Published(NamedTuple):
    """What a publication changed."""

    card: Scorecard
    changes: tuple[Change, ...]
    """One per cell, with the reason, cells that stayed as they were included."""
    notes: tuple[str, ...] = ()
    """What a person should know, e.g. that the old scorecard could not be read."""


def publish(samples: Iterable[Sample], path: Path) -> Scorecard:
    """Write the scorecard of these samples; nothing is held back.

    Raises:
        EvalError: nothing counts, the samples come from different sandbox levels, or the file cannot be written.
    """
    return publish_guarded(samples, path, Guardrails()).card


def publish_guarded(samples: Iterable[Sample], path: Path, rules: Guardrails) -> Published:
    """Write the scorecard of these samples as far as the guardrails let it differ from the published one.

    The scorecard that was there before stays beside it as `NAME.previous.json`.

    Raises:
        EvalError: as `publish`; the published scorecard is untouched.
        WithheldError: the rules withhold all there would be.
    """
    measured = scorecard_of(tuple(samples))
    old, notes = _published(path)
    card, changes = guard(old, measured, rules)
    if not card.cells:
        raise WithheldError(f"every cell is withheld ({changes[0].why}); {path} is untouched")
    try:
        if old is not None and old.revision != card.revision:
            write_atomically(previous_path(path), path.read_bytes())
        write_atomically(path, card_text(card, changes, previous=old.revision if old else ""))
    except OSError as exc:
        raise EvalError(f"cannot publish {path} ({exc.strerror or exc}); the old scorecard is untouched") from exc
    return Published(card, changes, notes)


def add_verifiers(path: Path, counts: Sequence[VerifierCounts]) -> Scorecard:
    """Put how well answers are checked into a published scorecard, in place of what it said of the same verifiers and kinds.

    Raises:
        ConfigError: there is no scorecard to add to.
        EvalError: the file cannot be written.
    """
    old, changes = load_scorecard(path), read_changes(path)
    kept = [v for v in old.verifiers if (v.verifier, v.kind) not in {(c.verifier, c.kind) for c in counts}]
    card = replace(old, verifiers=(*kept, *counts))
    try:
        write_atomically(path, card_text(card, changes, previous=old.revision))
    except OSError as exc:
        raise EvalError(f"cannot publish {path} ({exc.strerror or exc}); the old scorecard is untouched") from exc
    return card


def scorecard_of(samples: Sequence[Sample]) -> Scorecard:
    """Scorecard of samples, with the cells of `cells.cells_of`. Of a target whose model changed only the newest model counts.

    Raises:
        EvalError: nothing counts, or the samples come from different sandbox levels.
    """
    counted = of_newest_models([s for s in samples if s.counts])
    if not counted:
        raise EvalError("nothing to publish: no sample says anything about a model; run `routerkit eval run` first")
    levels = sorted({s.sandbox for s in counted if s.sandbox})
    if len(levels) > 1:
        raise EvalError(f"samples come from different sandboxes ({', '.join(levels)}) and are not pooled; publish one run with --run")
    return Scorecard(tuple(cells_of(counted)), made_at=datetime.now(UTC), sources=_provenance(counted), joint=joint_outcomes(counted))


def of_newest_models(samples: Sequence[Sample]) -> list[Sample]:
    """Samples of the model each target had last."""
    newest: dict[str, Sample] = {}
    for sample in samples:
        if sample.target not in newest or sample.started_at >= newest[sample.target].started_at:
            newest[sample.target] = sample
    return [s for s in samples if s.model == newest[s.target].model]


def card_text(card: Scorecard, changes: Sequence[Change], *, previous: str) -> str:
    """Text of a scorecard with what people want to know besides: posterior intervals, and the reason for every change."""
    body: dict[str, Json] = json.loads(card.to_json())
    estimates = [(c, card.estimate(c.target, c.kind, c.language, c.repo)) for c in card.cells]
    body["previous_revision"] = previous
    body["estimates"] = [
        {"target": c.target, "kind": c.kind, **_part(c), "mean": round(e.mean, 4), "low": round(e.low, 4), "high": round(e.high, 4)}
        for c, e in estimates
    ]
    body["changes"] = [change._asdict() for change in changes]
    return json.dumps(body, indent=2) + "\n"


def read_changes(path: Path) -> tuple[Change, ...]:
    """The reasons stored in a scorecard; empty where it has none."""
    try:
        return tuple(Change(**row) for row in json.loads(path.read_text("utf-8")).get("changes", ()))
    except (OSError, ValueError, TypeError, AttributeError):
        return ()  # an older file; what routes is read by `load_scorecard`, with errors


def previous_path(path: Path) -> Path:
    """Where the scorecard before the published one lies."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def _published(path: Path) -> tuple[Scorecard | None, tuple[str, ...]]:
    if not path.exists():
        return None, ()
    try:
        return load_scorecard(path), ()
    except ConfigError as exc:
        return None, (f"the old scorecard could not be read and no guardrail applied: {exc}",)


def _part(cell: Cell) -> dict[str, Json]:
    return {name: value for name, value in (("language", cell.language), ("repo", cell.repo)) if value is not None}


def _provenance(samples: Sequence[Sample]) -> Mapping[str, str]:
    sources = {
        "run": max(samples, key=lambda s: s.started_at).run_id,
        "runs": _listed(s.run_id for s in samples),
        "tasks": _listed(s.source for s in samples),
        "models": _listed(f"{s.target}={s.model}" for s in samples),
        "sandbox": _listed(s.sandbox for s in samples),
        "prices": _listed(s.price_version for s in samples),
        "harness": HARNESS,
        "commit": code_commit(),
    }
    return {name: value for name, value in sources.items() if value}


def _listed(values: Iterable[str | None]) -> str:
    found = sorted({v for v in values if v})
    rest = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + rest
