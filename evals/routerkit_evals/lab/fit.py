"""Fitting the per-request predictor, and proving where it may speak."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from routerkit.predictor import N_SLOTS, Gate, Predictor, WordVector
from routerkit_evals.lab.gain import Gain, best_scale, brier, make_folds, reliability, worth
from routerkit_evals.lab.lengths import fit_lengths
from routerkit_evals.lab.pooled import text_expectations
from routerkit_evals.lab.recorded import Floats, Ints, Recorded
from routerkit_evals.lab.sparse import Sparse, count_words, fit_logistic, logit, rarity, sigmoid, tf_idf
from routerkit_evals.lab.table import fit_table

LEAST_LABELS: Final = 300
"""Labelled items a gate needs; with fewer, corrections of code pools cost up to .04 AIQ (reference, 4.4)."""
_RIDGE: Final = 1.0
"""Best of 1, 2 and 4 on halves of MMLU; GSM8K does not care."""
_FOLDS: Final = 5
_FOLDS_OF_FEW: Final = 10
_FEW: Final = 2_000
"""Items up to which ten folds are affordable: fits on 90 % are closer to the fit on all than fits on 80 %."""
_ANCHORS: Final = 16
_ANCHOR_TEXTS: Final = 2_000
_ANCHOR_SLOTS: Final = 256
_ANCHOR_STEPS: Final = 4
_REACH_SHARE: Final = 0.05
"""Share of the fitted texts that would count as out of domain."""
_REACH_OF_USUAL: Final = 0.8
"""Most of the usual likeness that a text may need. Texts of one template are all alike to the second digit, and less like the whole than
like nine tenths of it, since a word nobody wrote weighs more the more texts there were: a quantile alone shut out up to 99 % of the next
such texts. Of recorded sets the quantile lies at .52 to .75 of the median (one kind of MMLU at .91), so it decides there. Of texts foreign
to a template 97 % and more stay out, from 100 fitted texts on."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """How far probabilities are from outcomes, on items outside the fit."""

    target: str
    n: int
    brier_table: float
    brier_corrected: float
    curve: Sequence[tuple[float, float, int]]
    """Mean prediction, mean outcome, count per bin, corrected where the gate is open."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A predictor and what its fit showed."""

    predictor: Predictor
    calibration: tuple[Calibration, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    """Predictions for items outside the fit: items × arms."""

    table: Floats
    length: Floats
    """Log-odds that the lengths add, as at decision time."""
    shift: Floats
    """Log-odds that the words add."""
    near: Floats
    """Likeness to the texts inside, per item."""
    folds: Ints


def fit_predictor(recorded: Recorded, *, seed: int = 0, sources: Mapping[str, str] | None = None) -> Fitted:
    """Learn per-target word weights from recorded outcomes, and open the gates that have proven themselves.

    Args:
        recorded: Outcomes; arms in order of cost, each a step up from the one before.
        seed: Of the folds.
        sources: Provenance to store.
    """
    counts = count_words(recorded.texts)
    held = _held_out(recorded, counts, seed)
    idf = rarity(counts)
    rows = tf_idf(counts, idf)
    anchors = _anchors(rows, seed)
    heads = _heads(recorded, rows)
    gates = tuple(_gate(kinds, recorded, held) for kinds in _groups(recorded))
    weights = {arm: array("f", head.tolist()) for arm, head in zip(recorded.arms, heads, strict=True)}
    lengths = fit_lengths(recorded, _rates(recorded))
    predictor = Predictor(weights, idf, tuple(map(_sparse_anchor, anchors)), gates, lengths, dict(sources or {}))
    return Fitted(predictor, _calibrations(recorded, held, gates))


def _groups(recorded: Recorded) -> list[frozenset[str]]:
    """Kinds with enough labels stand alone; the others share one gate."""
    n = Counter(item.kind for item in recorded.items)
    large = [frozenset({kind}) for kind, count in n.items() if count >= LEAST_LABELS]
    rest = frozenset(n) - frozenset().union(*large)
    return [*large, *([rest] if rest else [])]


def _held_out(recorded: Recorded, counts: Sparse, seed: int) -> _Held:
    n_folds = _FOLDS_OF_FEW if len(recorded) <= _FEW else _FOLDS
    folds = make_folds(len(recorded), n_folds, seed)
    table, length, shift = (np.zeros_like(recorded.score) for _ in range(3))
    near = np.zeros(len(recorded))
    for fold in range(n_folds):
        fit, out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if not fit.size or not out.size:
            continue
        part, outside = recorded.rows(fit), recorded.rows(out)
        idf = rarity(counts.rows(fit))
        cells = fit_table(part, pooled=text_expectations(part, seed=seed))
        heads = _heads(part, tf_idf(counts.rows(fit), idf))
        table[out], length[out] = cells.predict_quality(outside.items), _by_length(part, outside)
        rows = tf_idf(counts.rows(out), idf)
        shift[out] = np.column_stack([rows.times(head) for head in heads])
        near[out] = _likeness(rows, _anchors(tf_idf(counts.rows(fit), idf), seed))
    return _Held(table, length, shift, near, folds)


def _rates(recorded: Recorded) -> Floats:
    """Overall success probability per arm."""
    return fit_table(recorded, depth=1).quality[0][()]


def _by_length(fit: Recorded, items: Recorded) -> Floats:
    lengths = fit_lengths(fit, _rates(fit))
    added = [lengths.by_target(item.prompt, item.kind) for item in items.items]
    return np.array([[by.get(arm, 0.0) for arm in fit.arms] for by in added])


def _heads(recorded: Recorded, rows: Sparse) -> list[Floats]:
    """Weights per arm, learned against the arm's overall rate.

    Not against the table's cells: words and cells say much the same, and what each says alone adds up better than what one leaves over
    (halves of MMLU: APGR .703 against .694); the gate's scale takes back what is counted twice.
    """
    odds, heads = logit(_rates(recorded)), []
    for j in range(len(recorded.arms)):
        known = np.flatnonzero(~np.isnan(recorded.score[:, j]))
        heads.append(fit_logistic(rows.rows(known), recorded.score[known, j], np.full(known.size, odds[j]), _RIDGE))
    return heads


def _gate(kinds: frozenset[str], recorded: Recorded, held: _Held) -> Gate:
    inside = np.array([item.kind in kinds for item in recorded.items]) & ~np.isnan(recorded.score).any(axis=1)
    reach = _reach(held.near[inside])
    n = int(inside.sum())
    if n < LEAST_LABELS or len(recorded.arms) < 2:
        return Gate(kinds, n, 0.0, 0.0, 0.0, reach, is_open=False)
    table, score = held.table[inside], recorded.score[inside]
    base = logit(table) + held.length[inside]
    scale = best_scale(base, held.shift[inside], score)
    corrected = sigmoid(base + scale * held.shift[inside])
    gain: Gain = worth(table, corrected, score, held.folds[inside], recorded.rows(inside).clusters)
    return Gate(kinds, n, gain.mean, gain.low, scale, reach, is_open=gain.low > 0.0 and scale > 0.0)


def _reach(near: Floats) -> float:
    """Least likeness of a text to be heard, from that of the texts outside the fit."""
    if not near.size:
        return 1.0
    return float(min(np.quantile(near, _REACH_SHARE), _REACH_OF_USUAL * np.median(near)))


def _calibrations(recorded: Recorded, held: _Held, gates: Sequence[Gate]) -> tuple[Calibration, ...]:
    scale_of = {kind: gate.scale if gate.is_open else 0.0 for gate in gates for kind in gate.kinds}
    scale = np.array([scale_of.get(item.kind, 0.0) for item in recorded.items])[:, None]
    corrected = sigmoid(logit(held.table) + held.length + scale * held.shift)
    out = []
    for j, arm in enumerate(recorded.arms):
        score = recorded.score[:, j]
        n = int((~np.isnan(score)).sum())
        curve = reliability(corrected[:, j], score)
        out.append(Calibration(arm, n, brier(held.table[:, j], score), brier(corrected[:, j], score), curve))
    return tuple(out)


def _anchors(rows: Sparse, seed: int) -> Floats:
    """Centres of the texts by spherical k-means, each cut to its heaviest slots: cheap to compare with, and small on disk."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(rows.n_rows)[:_ANCHOR_TEXTS]
    part = rows.rows(chosen)
    group = rng.integers(0, min(_ANCHORS, max(1, part.n_rows // 8)), size=part.n_rows)
    centres = _centres(part, group)
    for _ in range(_ANCHOR_STEPS):
        group = np.argmax(np.column_stack([part.times(centre) for centre in centres]), axis=1)
        centres = _centres(part, group)
    return centres


def _centres(rows: Sparse, group: Ints) -> Floats:
    centres = np.array([rows.transposed_times((group == k).astype(np.float64)) for k in np.unique(group)])
    light = np.argpartition(-centres, _ANCHOR_SLOTS, axis=1)[:, _ANCHOR_SLOTS:]
    np.put_along_axis(centres, light, 0.0, axis=1)
    length = np.sqrt((centres * centres).sum(axis=1, keepdims=True))
    unit: Floats = centres / np.where(length > 0, length, 1.0)
    return unit


def _likeness(rows: Sparse, anchors: Floats) -> Floats:
    nearest: Floats = np.max(np.column_stack([rows.times(anchor) for anchor in anchors]), axis=1)
    return nearest


def _sparse_anchor(anchor: Floats) -> WordVector:
    assert len(anchor) == N_SLOTS
    return {int(slot): float(anchor[slot]) for slot in np.flatnonzero(anchor)}
