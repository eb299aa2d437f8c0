"""What a repeated answer is to the caller and to the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from routerkit import addressing
from routerkit.cache.entry import Entry
from routerkit.decision import Candidate, Decision
from routerkit.features import features
from routerkit.messages import Chunk, Reply, Request, ToolCallDelta, Usage
from routerkit.record import Record
from routerkit.router_state import RouterState
from routerkit.tickets import new_ticket

POLICY: Final = "cache"
"""Stands where a decision names its policy, when nothing was decided."""


class Hit(NamedTuple):
    """How an answer was repeated."""

    at: datetime
    """Start of the call, UTC."""
    latency_s: float
    """Seconds that it took, waiting for an equal request included."""
    age_s: float
    is_stream: bool


def hit_of(request: Request, entry: Entry, state: RouterState, hit: Hit) -> Record:
    """Record of a call that was answered from the cache: no attempt, no tokens used, no cost."""
    reply, ticket = entry.reply, new_ticket(hit.at, 0, state.revision)
    note = f"answer of record {reply.record_id}, {hit.age_s:.0f} s old" + _said(entry)
    decision = Decision(
        id=ticket.id,
        at=hit.at,
        pool=addressing.find(request.model, state.pools).pool.name,
        policy=POLICY,
        features=features(request),
        rows=lambda: (Candidate(reply.target, cost_usd=0.0, note=note).to_dict(),),
        ranked=(reply.target,),
        propensity=1.0,
        config_revision=state.revision,
        scorecard_revision=state.scorecard.cited,
        notes=(note,),
    )
    return Record(
        id=ticket.id,
        at=hit.at,
        request=request,
        decision=decision,
        attempts=(),
        status="ok",
        target=reply.target,
        model=reply.model,
        latency_s=hit.latency_s,
        usage=Usage(),
        cost_usd=0.0,
        is_stream=hit.is_stream,
        finish_reason=reply.finish_reason,
        output_chars=reply.chars,
        output_text=reply.text,
        cached_from=reply.record_id,
        cached_likeness=entry.likeness,
    )


def _said(entry: Entry) -> str:
    return "" if entry.likeness is None else f", to a prompt in other words (likeness {entry.likeness:.3f})"


def pieces(reply: Reply) -> Iterator[Chunk]:
    """A repeated answer as a stream."""
    if reply.reasoning:
        yield Chunk(reasoning=reply.reasoning, model=reply.model)
    if reply.text:
        yield Chunk(reply.text, model=reply.model)
    for i, call in enumerate(reply.tool_calls):
        yield Chunk(tool_calls=(ToolCallDelta(i, call.id, call.name, call.arguments),), model=reply.model)
    yield Chunk(finish_reason=reply.finish_reason, usage=reply.usage, model=reply.model, extra=reply.extra)
    yield Chunk(
        model=reply.model,
        target=reply.target,
        record_id=reply.record_id,
        cost_usd=reply.cost_usd,
        attempts=reply.attempts,
        reason=reply.reason,
        verified=reply.verified,
        cached_from=reply.cached_from,
        cached_likeness=reply.cached_likeness,
    )
