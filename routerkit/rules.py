"""Rules people write: when a request looks like this, only / prefer / avoid these targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from routerkit.features import Features


@dataclass(frozen=True, slots=True)
class When:
    """Condition of a rule; every part that is set must hold, an empty condition always holds."""

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
    """The request names at least so many files."""

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
    """One rule. All rules that hold apply together, whatever the policy."""

    name: str
    when: When
    only: tuple[str, ...] = ()
    """Every other target is dropped."""
    prefer: tuple[str, ...] = ()
    """These come first."""
    avoid: tuple[str, ...] = ()
    """These come last."""


def matching(rules: Sequence[Rule], features: Features) -> tuple[Rule, ...]:
    """Rules that hold for a request, in order."""
    return tuple(rule for rule in rules if rule.when.holds(features))
