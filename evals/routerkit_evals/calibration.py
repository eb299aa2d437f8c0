"""How good a judge is, measured on answers known to be right or wrong; stored, shown, and used to correct what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, cast

from routerkit import Json, format_usd
from routerkit.store import CALIBRATIONS, SegmentWriter, query
from routerkit_evals.statistics import rate_text

MIN_EACH: Final = 8
"""Fewest right and fewest wrong answers a judge must have seen: with 8 of 8 the 95 % interval begins at 0.68, with fewer it says little."""
MIN_RATE: Final = 0.8
"""Least sensitivity and specificity; below it the error of the judge is larger than most differences between models."""
MIN_SAME: Final = 0.9
"""Least share of answers on which it must agree with itself."""
_NEWEST: Final = f"SELECT {', '.join(CALIBRATIONS.columns)} FROM judges WHERE model = ? AND rubric = ? ORDER BY calibrated_at DESC LIMIT 1"  # noqa: S608  column names are ours


@dataclass(frozen=True, slots=True)
class Calibration:
    """What one calibration counted. A reply that cannot be read counts neither as accepted nor as rejected."""

    calibrated_at: str
    """UTC, ISO format without offset."""
    target: str
    model: str
    rubric: str
    """Version of the question."""
    examples_sha256: str
    n_right: int
    n_right_accepted: int
    n_wrong: int
    n_wrong_rejected: int
    n_unread: int = 0
    n_repeated: int = 0
    n_same: int = 0
    cost_usd: float | None = None

    @property
    def sensitivity(self) -> float:
        """Share of right answers it accepts, 0..1; 0 without any."""
        return self.n_right_accepted / self.n_right if self.n_right else 0.0

    @property
    def specificity(self) -> float:
        """Share of wrong answers it rejects, 0..1; 0 without any."""
        return self.n_wrong_rejected / self.n_wrong if self.n_wrong else 0.0

    @property
    def problem(self) -> str:
        """Why it must not judge, as the end of a sentence about it; empty when it may."""
        if min(self.n_right, self.n_wrong) < MIN_EACH:
            return f"was measured on {self.n_right} right and {self.n_wrong} wrong answers only, at least {MIN_EACH} of each are needed"
        if self.sensitivity < MIN_RATE:
            return f"accepts only {self.sensitivity:.0%} of right answers, at least {MIN_RATE:.0%} are needed"
        if self.specificity < MIN_RATE:
            return f"rejects only {self.specificity:.0%} of wrong answers, at least {MIN_RATE:.0%} are needed"
        if self.n_repeated and self.n_same / self.n_repeated < MIN_SAME:
            return f"agrees with itself on only {self.n_same} of {self.n_repeated} answers"
        return ""

    def summary(self) -> str:
        """A few lines for people, with 95 % Wilson intervals."""
        cost = "unknown" if self.cost_usd is None else format_usd(self.cost_usd)
        lines = [
            f"judge {self.target} ({self.model}), rubric {self.rubric}, {self.calibrated_at[:16].replace('T', ' ')} UTC, cost {cost}",
            f"  sensitivity {rate_text(self.n_right_accepted, self.n_right)}: right answers accepted",
            f"  specificity {rate_text(self.n_wrong_rejected, self.n_wrong)}: wrong answers rejected",
        ]
        if self.n_repeated:
            lines.append(f"  agrees with itself on {self.n_same} of {self.n_repeated} answers")
        if self.n_unread:
            lines.append(f"  {self.n_unread} replies could not be read")
        lines.append(f"  may not judge: it {self.problem}" if self.problem else "  may judge")
        return "\n".join(lines)


def corrected_rate(observed: float, *, sensitivity: float, specificity: float) -> float:
    """Share of right answers behind the share a judge accepted.

    Args:
        observed: Share the judge accepted, 0..1.
        sensitivity: Share of right answers it accepts, 0..1.
        specificity: Share of wrong answers it rejects, 0..1.

    Returns:
        Estimate cut to 0..1.

    Raises:
        ValueError: the judge is no better than a coin, so nothing can be corrected.

    Source: Rogan and Gladen, Estimating prevalence from the results of a screening test, 1978.
    """
    power = sensitivity + specificity - 1.0
    if power <= 0:
        raise ValueError(f"sensitivity {sensitivity:g} and specificity {specificity:g} are no better than a coin")
    return min(1.0, max(0.0, (observed + specificity - 1.0) / power))


def store_calibration(folder: Path, calibration: Calibration) -> None:
    """Remember a calibration."""
    writer: SegmentWriter[Calibration] = SegmentWriter(folder, CALIBRATIONS.name, to_row=lambda c: cast("Mapping[str, Json]", asdict(c)))
    try:
        writer.append(calibration)
    finally:
        writer.close()


def read_calibration(folder: Path, model: str, rubric: str) -> Calibration | None:
    """Newest calibration of a model for a version of the question; None when there is none."""
    rows = query(folder, _NEWEST, [model, rubric], schemas=(CALIBRATIONS,)).as_dicts()
    return next((Calibration(**row) for row in rows), None)  # type: ignore[arg-type]  # the schema gives each its type
