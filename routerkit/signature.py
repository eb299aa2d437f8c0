"""What the router says on an answer: who gave it, what it cost, and why that one."""

from __future__ import annotations

from routerkit.call import Call
from routerkit.messages import Chunk, Reply
from routerkit.record import reason_of


def signed(reply: Reply, call: Call) -> Reply:
    """The answer as the caller sees it: with target, record id, cost, attempts and reason."""
    last = call.answered
    assert last is not None
    # Spelled out, because dataclasses.replace takes twice as long.
    return Reply(
        reply.text,
        reply.tool_calls,
        reply.finish_reason,
        reply.usage,
        last.model,
        reply.reasoning,
        reply.refusal,
        reply.extra,
        last.target,
        call.decision.id,
        call.cost_usd(),
        len(call.attempts),
        reason_of(call.decision, call.attempts),
        last.accepted,
        reply.written,
    )


def signature(call: Call) -> Chunk:
    """What ends a stream: the same facts, after the model's last word."""
    last = call.answered
    assert last is not None
    return Chunk(
        model=last.model,
        target=last.target,
        record_id=call.decision.id,
        cost_usd=call.cost_usd(),
        attempts=len(call.attempts),
        reason=reason_of(call.decision, call.attempts),
        verified=last.accepted,
    )
