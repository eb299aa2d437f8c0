"""Rules people write: when a request looks like this, only / prefer / avoid these targets."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from routerkit.errors import ConfigError
from routerkit.features import Features


@dataclass(frozen=True, slots=True)
class When:
    """Condition of a rule; every part that is set must hold, an empty condition always holds.

    Raises:
        ConfigError: `kinds`, `tags` or `needs` is a bare text, or no collection.
    """

    kind: str | None = None
    kinds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    """The request carries all of these."""
    agent: str | None = None
    min_input_tokens: int | None = None
    max_input_tokens: int | None = None
    needs: tuple[str, ...] = ()
    """The request needs all of these capabilities."""
    language: str | None = None
    """Language of the code, or the one it is to become, see `signals.Signals`."""
    difficulty: str | None = None
    """`low`, `medium` or `high`, see `signals.Signals`."""
    min_files: int | None = None
    """The request names at least this many files."""

    def __post_init__(self) -> None:
        if not type(self.kinds) is type(self.tags) is type(self.needs) is tuple:  # nearly always; some are made for every request
            _check_names("condition", kinds=self.kinds, tags=self.tags, needs=self.needs)

    def holds(self, features: Features) -> bool:
        """Whether a request meets the condition."""
        return (
            (self.kind is None or features.kind == self.kind)
            and (not self.kinds or features.kind in self.kinds)
            and set(self.tags) <= set(features.tags)
            and (self.agent is None or features.agent == self.agent)
            and (self.min_input_tokens is None or features.input_tokens >= self.min_input_tokens)
            and (self.max_input_tokens is None or features.input_tokens <= self.max_input_tokens)
            and features.needs.issuperset(self.needs)
            and self._sees(features)
        )

    def _sees(self, features: Features) -> bool:
        # Asked last, and only if a part is set, because reading the conversation takes longer than all the rest.
        return (
            (self.language is None or self.language in {features.signals.language, features.signals.target_language})
            and (self.difficulty is None or features.signals.difficulty == self.difficulty)
            and (self.min_files is None or features.signals.n_files >= self.min_files)
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. All rules that hold apply together, whatever the policy.

    Raises:
        ConfigError: `only`, `prefer` or `avoid` is a bare text, or no collection.
    """

    name: str
    when: When
    only: tuple[str, ...] = ()
    """Every other target is dropped."""
    prefer: tuple[str, ...] = ()
    """These come first."""
    avoid: tuple[str, ...] = ()
    """These come last."""
    is_firm: bool = False
    """Whether `only` holds even if that leaves nothing; with `tags` in the condition it does, else it gives way to the rules before it.
    And whether `avoid` holds against every `prefer`."""

    def __post_init__(self) -> None:
        if not type(self.only) is type(self.prefer) is type(self.avoid) is tuple:  # as in `When`
            _check_names(f"rule {self.name!r}", only=self.only, prefer=self.prefer, avoid=self.avoid)

    @property
    def is_kept(self) -> bool:
        """Whether `only` never gives way. A tag says what is in a request, so a rule about tags protects something."""
        return self.is_firm or bool(self.when.tags)


class Applied(NamedTuple):
    """Rules that hold for a request, in order, and what is wrong with them."""

    rules: tuple[Rule, ...] = ()
    notes: tuple[str, ...] = ()


def matching(rules: Sequence[Rule], features: Features) -> Applied:
    """Rules that hold for a request.

    One whose condition raises is passed over; but if it says `only` it is taken to hold, because it may protect something.
    """
    found: list[Rule] = []
    notes: list[str] = []
    for rule in rules:
        try:
            if rule.when.holds(features):
                found.append(rule)
        except Exception as exc:  # noqa: BLE001  a condition may be foreign code, and no rule may cost a caller the answer
            if rule.only:
                found.append(rule)
            what = "is taken to hold, for it says only" if rule.only else "is passed over"
            notes.append(f"rule {rule.name!r} {what}: its condition raised {type(exc).__name__}: {exc}")
    return Applied(tuple(found), tuple(notes))


def reconciled(applied: Applied, pool: Collection[str]) -> Applied:
    """The same rules, where `only` of one gives way if nothing of the pool satisfies it together with firm rules and those before it.

    Firm rules never do: where two of them leave nothing, nobody may answer.
    """
    held = [rule for rule in applied.rules if rule.only and rule.is_kept]
    left = set(pool).intersection(*[rule.only for rule in held])
    notes = [*applied.notes, *([_impasse(held)] if not left and len(held) > 1 else [])]
    found = list[Rule]()
    for rule in applied.rules:
        if not rule.only or rule in held or not left or set(pool).isdisjoint(rule.only):
            found.append(rule)
        elif allowed := left.intersection(rule.only):
            left = allowed
            held.append(rule)
            found.append(rule)
        else:
            before = " and ".join(repr(r.name) for r in held)
            notes.append(f"rule {rule.name!r} contradicts {before} and gives way: {', '.join(rule.only)} is not left")
            found.append(replace(rule, only=()))
    return Applied(tuple(found), tuple(notes))


def disputes(rules: Sequence[Rule], pool: Collection[str]) -> tuple[str, ...]:
    """What to say where a target of the pool is to come first by one rule, and last by another that gives way."""
    bound = {name for rule in rules if rule.is_firm for name in rule.avoid}
    wanted = {name: rule.name for rule in reversed(rules) for name in rule.prefer if name in pool and name not in bound}
    return tuple(
        f"rule {rule.name!r} contradicts {wanted[name]!r} about {name}: prefer holds"
        for rule in rules
        for name in rule.avoid
        if name in wanted
    )


def _impasse(rules: Sequence[Rule]) -> str:
    names = " and ".join(repr(rule.name) for rule in rules)
    return f"rules {names} leave no target together, and none of them gives way"


def _check_names(owner: str, **named: object) -> None:
    # To Python a text is a collection, of letters: as tags they never match, and the rule would silently protect nothing.
    for what, names in named.items():
        if isinstance(names, str) or not isinstance(names, Collection):
            raise ConfigError(f"{owner}: {what} is {names!r}; give a tuple of names, e.g. ('a',)")
