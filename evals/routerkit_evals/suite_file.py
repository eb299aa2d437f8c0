"""Reading a suite file: which tasks, which targets, where to stop, what may be published. Every mistake is one line."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, TypeVar, get_args, get_origin, get_type_hints

from routerkit import TASK_KINDS
from routerkit_evals.errors import EvalError
from routerkit_evals.fields import shown
from routerkit_evals.guardrails import Guardrails
from routerkit_evals.patch import AnswerFormat
from routerkit_evals.schedule import Allocation
from routerkit_evals.solver import SOLVERS
from routerkit_evals.spend import Stops
from routerkit_evals.suite import Options
from routerkit_evals.worth import Worth

T = TypeVar("T")
_WORTH: Final = Worth()


@dataclass(frozen=True, slots=True)
class SuiteSection:
    """`[suite]`: what is asked."""

    name: str = "nightly"
    pool: str = ""
    """Empty = the only pool there is."""
    targets: tuple[str, ...] = ()
    """Empty = all of the pool."""
    sources: tuple[str, ...] = ("own",)
    """Names or paths, paths relative to the suite file."""
    kinds: tuple[str, ...] = ()
    """Task kinds; empty = all."""
    anchors: int = 20
    """Tasks asked every night, the same ones, so that nights can be compared."""
    fresh: int = 20
    """Further tasks per night, those first that were asked longest ago."""
    epochs: int = 1
    workers: int = 2
    timeout_s: float = 180.0
    max_tokens: int = 4096
    solver: str = "one-shot"
    answer_format: AnswerFormat = "whole"
    executor: str = "local"
    python: str = ""
    """Interpreter or environment that runs answers; empty = ours."""
    allocate: Allocation = "race"
    """How far the further tasks are asked; anchors are asked of every target."""
    value_usd: float = _WORTH.value_usd
    """What a solved task is worth to a race, in dollars."""
    usd_per_second: float = _WORTH.usd_per_second
    """What a second of waiting costs in a race, in dollars."""

    @property
    def worth(self) -> Worth:
        """What races weigh answers by."""
        return Worth(self.value_usd, self.usd_per_second)


@dataclass(frozen=True, slots=True)
class StopsSection:
    """`[stops]`: what ends a night."""

    budget_usd: float | None = None
    budget_tokens: int | None = None
    max_minutes: float | None = None


@dataclass(frozen=True, slots=True)
class PublishSection:
    """`[publish]`: what one night may change."""

    min_tasks: int = 5
    max_move: float = 0.2
    hysteresis: float = 0.02
    window_days: float = 30.0
    """Samples older than this no longer count as evidence."""
    min_counted_share: float = 0.5
    """A night that lost more answers than this leaves to providers or sandboxes publishes nothing, 0..1."""


@dataclass(frozen=True, slots=True)
class RegressionSection:
    """`[regression]`: what ends the command with exit code 1."""

    margin: float = 0.05
    """Loss in share of solved tasks that nobody minds, 0..1."""
    credible: float = 0.95
    """Probability needed for an alarm, 0..1, for all targets together."""


@dataclass(frozen=True, slots=True)
class SuiteFile:
    """A whole file."""

    path: Path
    suite: SuiteSection = field(default_factory=SuiteSection)
    stops: StopsSection = field(default_factory=StopsSection)
    publish: PublishSection = field(default_factory=PublishSection)
    regression: RegressionSection = field(default_factory=RegressionSection)

    @property
    def guardrails(self) -> Guardrails:
        """What one publication may change."""
        return Guardrails(self.publish.min_tasks, self.publish.max_move, self.publish.hysteresis)

    def options(self, *, first_epoch: int, is_unsafe: bool = False) -> Options:
        """How its tasks are run in one night."""
        s, stops = self.suite, self.stops
        return Options(
            targets=s.targets,
            epochs=s.epochs,
            first_epoch=first_epoch,
            workers=s.workers,
            max_usd=stops.budget_usd,
            budget_tokens=stops.budget_tokens,
            max_s=None if stops.max_minutes is None else stops.max_minutes * 60.0,
            timeout_s=s.timeout_s,
            max_tokens=s.max_tokens,
            solver=s.solver,
            answer_format=s.answer_format,
            executor=s.executor,
            python=s.python,
            allocate=s.allocate,
            worth=s.worth,
            is_unsafe=is_unsafe,
        )

    def with_allocation(self, how: Allocation | None, value_usd: float | None) -> SuiteFile:
        """The same with another allocation, e.g. from the command line; None keeps what the file says."""
        old = self.suite
        suite = replace(old, allocate=how or old.allocate, value_usd=old.value_usd if value_usd is None else value_usd)
        assert suite.worth
        return replace(self, suite=suite)

    def with_stops(self, *, usd: float | None = None, tokens: int | None = None, minutes: float | None = None) -> SuiteFile:
        """The same with limits given elsewhere, e.g. on the command line; None keeps what the file says."""
        old = self.stops
        new = StopsSection(
            old.budget_usd if usd is None else usd,
            old.budget_tokens if tokens is None else tokens,
            old.max_minutes if minutes is None else minutes,
        )
        _check_stops(new)
        return replace(self, stops=new)


_MOST_DAYS: Final = 36_500
_NAME: Final = re.compile(r"\w[\w.-]*")
_SECTIONS: Final = {"suite": SuiteSection, "stops": StopsSection, "publish": PublishSection, "regression": RegressionSection}


def read_suite(path: Path) -> SuiteFile:
    """Read and check a suite file.

    Raises:
        EvalError: the file cannot be read, is not TOML, or says something impossible; the message names file, key, value and remedy.
    """
    try:
        document = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        raise EvalError(f"{path}: no such suite file; start from the shipped evals/suites/nightly.toml") from None
    except OSError as exc:
        raise EvalError(f"{path}: cannot be read ({exc.strerror or exc})") from exc
    except ValueError as exc:  # not UTF-8, or not TOML
        raise EvalError(f"{path}: not valid TOML: {exc}; correct that line") from None
    _refuse_unknown(document, list(_SECTIONS), where=str(path), what="section")
    found = SuiteFile(
        path,
        _section(document, "suite", SuiteSection, path),
        _section(document, "stops", StopsSection, path),
        _section(document, "publish", PublishSection, path),
        _section(document, "regression", RegressionSection, path),
    )
    _check(found)
    return found


def _section(document: Mapping[str, object], name: str, kind: type[T], path: Path) -> T:
    given = document.get(name, {})
    if not isinstance(given, Mapping):
        raise EvalError(f"{path}: [{name}] is {given!r}; it must be a section")
    hints = get_type_hints(kind)
    _refuse_unknown(given, list(hints), where=f"{path}: [{name}]", what="key")
    return kind(**{key: _value(value, hints[key], f"{path}: [{name}] {key}") for key, value in given.items()})


def _value(value: object, hint: object, where: str) -> object:
    """The value as its field wants it; lists become tuples, whole numbers floats."""
    if get_origin(hint) is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(v, str) for v in value):
            raise EvalError(f"{where} is {value!r}; it must be a list of strings")
        return tuple(value)
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise EvalError(f"{where} is {value!r}; it must be one of {', '.join(get_args(hint))}")
        return value
    allowed = get_args(hint) or (hint,)
    if float in allowed and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise EvalError(f"{where} is {shown(value)}; it must be a number that a computer can count to") from None
    if isinstance(value, bool) or not any(isinstance(value, kind) for kind in allowed if isinstance(kind, type)):
        wanted = "a text" if str in allowed else "a whole number" if int in allowed else "a number"
        raise EvalError(f"{where} is {value!r}; it must be {wanted}")
    return value


def _check(found: SuiteFile) -> None:
    """Refuse impossible values.

    Raises:
        EvalError: names the first one.
    """
    s, p, r, where = found.suite, found.publish, found.regression, found.path
    if not _NAME.fullmatch(s.name):
        raise EvalError(f"{where}: [suite] name is {s.name!r}; reports are named by it, so write letters, digits, '-', '_' and '.' only")
    if unknown := [kind for kind in s.kinds if kind not in TASK_KINDS]:
        raise EvalError(f"{where}: [suite] kinds has {unknown[0]!r}; it must be of {', '.join(TASK_KINDS)}")
    if s.solver not in SOLVERS:
        raise EvalError(f"{where}: [suite] solver is {s.solver!r}; it must be one of {', '.join(SOLVERS)}")
    _check_sizes(s, where)
    shares = {"[publish] min_counted_share": p.min_counted_share, "[regression] margin": r.margin, "[regression] credible": r.credible}
    if wrong := next((name for name, value in shares.items() if not 0.0 <= value <= 1.0), None):
        raise EvalError(f"{where}: {wrong} is {shares[wrong]:g}; it must be from 0 to 1")
    _check_limits(found)


def _check_limits(found: SuiteFile) -> None:
    p, where = found.publish, found.path
    if not 0 < p.window_days <= _MOST_DAYS:
        raise EvalError(f"{where}: [publish] window_days is {p.window_days:g}; it must be above 0, and at most {_MOST_DAYS}")
    for name, value in asdict(found.stops).items():
        if value is not None and not 0 <= value < float("inf"):
            raise EvalError(f"{where}: [stops] {name} is {value:g}; it must be a number from 0 up")
    try:
        assert found.guardrails
        assert found.suite.worth
    except EvalError as exc:
        raise EvalError(f"{where}: {exc}") from None


def _check_sizes(s: SuiteSection, where: Path) -> None:
    if not s.sources:
        raise EvalError(f"{where}: [suite] sources is empty; name at least one")
    least = {"anchors": s.anchors, "fresh": s.fresh, "epochs": s.epochs - 1, "workers": s.workers - 1, "max_tokens": s.max_tokens - 1}
    if low := next((name for name, value in least.items() if value < 0), None):
        raise EvalError(f"{where}: [suite] {low} is too small; the least is {0 if low in {'anchors', 'fresh'} else 1}")
    if s.anchors + s.fresh == 0:
        raise EvalError(f"{where}: [suite] anchors and fresh are both 0, so there is nothing to ask")
    if s.epochs > 100 or not 0 < s.timeout_s < float("inf"):
        raise EvalError(f"{where}: [suite] epochs must be 1 to 100 and timeout_s above 0; they are {s.epochs} and {s.timeout_s:g}")


def _check_stops(stops: StopsSection) -> None:
    Stops(stops.budget_usd, stops.budget_tokens, stops.max_minutes)


def _refuse_unknown(given: Mapping[str, object], known: Sequence[str], *, where: str, what: str) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
            raise EvalError(f"{where}: unknown {what} {key!r}; {hint}")
