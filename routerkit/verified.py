"""From the configuration to the life of a call whose answers are checked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from routerkit.catalog import Target
from routerkit.decision import Decision
from routerkit.dispatch import Retry
from routerkit.escalation import Course, Escalation, named
from routerkit.messages import Request
from routerkit.router_state import RouterState
from routerkit.running import Running

Decide: TypeAlias = Callable[[Request, RouterState], Decision]


def verified_course(call: Running, decide: Decide, retry: Retry) -> Course:
    """The life of a call whose answers are checked; `decide` chooses among a judge's targets."""
    decision, state = call.decision, call.state
    settings = state.policy(state.pools[decision.pool], decision.arm).settings
    checks = named(settings.verify, state.verifiers)
    judges = partial(_ranked, state, decide)
    return Escalation(call, state.targets(decision), checks, settings.stop_loss_usd, judges, retry).course()


def _ranked(state: RouterState, decide: Decide, question: Request) -> list[Target]:
    return state.targets(decide(question, state))
