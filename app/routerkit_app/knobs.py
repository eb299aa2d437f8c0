"""What can be turned at a policy, and from where to where. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from routerkit import Policy


@dataclass(frozen=True, slots=True)
class Knob:
    """One number of a policy's settings."""

    setting: str
    """Field of `PolicySettings`."""
    label: str
    usual: tuple[float, ...]
    """What it can be set to, beside what it is set to."""

    def value(self, policy: Policy) -> float:
        """Where it stands."""
        return float(getattr(policy.settings, self.setting))

    def steps(self, policy: Policy) -> list[float]:
        """Where it can be put, rising."""
        return sorted({*self.usual, self.value(policy)})

    def turned(self, policy: Policy, value: float) -> Policy:
        """The policy with this knob there."""
        settings = replace(policy.settings, **{self.setting: value})  # type: ignore[arg-type]  # all knobs are floats
        return replace(policy, settings=settings)


_FLOOR: Final = Knob("quality_floor", "quality floor", tuple(n / 100 for n in range(30, 100, 5)))
_CONFIDENCE: Final = Knob("confidence", "how sure the floor must be", (0.5, 0.6, 0.7, 0.8, 0.9, 0.95))
_VALUE: Final = Knob("value_usd", "a success is worth, $", (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0))
_WAIT: Final = Knob("usd_per_second", "a second of waiting costs, $", (0.0, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02))
_KNOBS: Final[Mapping[str, tuple[Knob, ...]]] = {
    "cheapest_adequate": (_FLOOR, _CONFIDENCE),
    "cascade": (_FLOOR, _CONFIDENCE),
    "bang_for_buck": (_VALUE, _WAIT),
}


def knobs_of(policy: Policy) -> tuple[Knob, ...]:
    """What a policy of this kind looks at; the first is the one to draw a curve along."""
    return _KNOBS.get(policy.kind, ())


def of_kind(policy: Policy, kind: str) -> Policy:
    """The same settings under another kind of policy; it explores evenly, as not every kind weighs quality."""
    return policy if kind == policy.kind else Policy(kind, kind, replace(policy.settings, explore_by="even"))


def as_toml(pool: str, policy: Policy) -> str:
    """What to write into a configuration so that this pool is routed by it."""
    lines = [f"[pools.{pool}]", f'policy = "{policy.name}"', "", f"[policies.{policy.name}]"]
    lines += [f'kind = "{policy.kind}"'] if policy.kind != policy.name else []
    return "\n".join([*lines, *(f"{k.setting} = {k.value(policy):g}" for k in knobs_of(policy))])
