"""What the router says on an answer: who gave it, what it cost, and why that one."""

from __future__ import annotations

from typing import Final

from routerkit.call import Call
from routerkit.messages import Chunk, Reply
from routerkit.quick import copier, maker
from routerkit.record import reason_of

_signed: Final = copier(
    Reply, "model", "target", "record_id", "cost_usd", "attempts", "reason", "verified", cached_from=None, cached_likeness=None
)
_ending: Final = maker(Chunk)


def signed(reply: Reply, call: Call) -> Reply:
    """The answer that ends a call, as the caller sees it: with target, record id, cost, attempts and reason."""
    record, last = call.record(), call.answered
    assert last is not None
    reason = reason_of(record.decision, record.attempts)
    return _signed(reply, last.model, last.target, record.id, record.cost_usd, len(record.attempts), reason, last.accepted)


def signature(call: Call) -> Chunk:
    """What ends a stream: the same facts, after the model's last word."""
    last = call.answered
    assert last is not None
    return _ending(
        model=last.model,
        target=last.target,
        record_id=call.decision.id,
        cost_usd=call.cost_usd(),
        attempts=len(call.attempts),
        reason=reason_of(call.decision, call.attempts),
        verified=last.accepted,
    )
