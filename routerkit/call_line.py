"""A row of the ledger as it is written: calls that are alike have a form in common, and fill it with what is each one's own.

An agent's calls differ in a few dozen numbers and texts; what is said of its pool, its policy, its key and the targets is the same every
time, and was most of the work.
"""

from __future__ import annotations

import os
from collections.abc import Hashable
from datetime import UTC
from itertools import count
from operator import itemgetter
from typing import Any, Final

from routerkit import fastjson
from routerkit.call_row import call_row, first_token_s
from routerkit.candidate_rows import Rows, kept_rows
from routerkit.fastjson import Form, dumps, hole
from routerkit.prompt_hash import PromptHashes, prompt_sha256
from routerkit.record import Record
from routerkit.signals import Signals

_MOST_FORMS: Final = 1_024
_LONG_CHARS: Final = 8_000
"""Prompts of fewer characters are hashed sooner than looked up."""
_TERM: Final = itemgetter(0, 1)
_OWN: Final = (
    "called_at",
    "decision.at",
    "record_id decision.id",
    "session decision.features.session",
    "prompt_sha256",
    "attempts",
    "decision.features.signals",
    "latency_s",
    "first_token_s",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
    "prompt_chars decision.features.input_chars",
    "output_chars",
    "propensity decision.propensity",
    "expected_usd",
    "worker_pid",
    "decision.features.input_tokens",
    "decision.features.input_tokens_bound",
    "decision.features.output_tokens_limit",
    "decision.features.n_messages",
    "decision.seed",
)
"""Where a row says what `_own` gives, in that order; the candidates' numbers follow."""


class CallLines:
    """Writes rows, see `call_row`."""

    def __init__(self) -> None:
        self._forms: dict[Hashable, Form | None] = {}
        """None = there was one call like that, which may be the only one."""
        self._seen: dict[int, tuple[Signals, bytes]] = {}
        """By identity, because most requests show the same, and equal signals are mostly one object."""
        self._hashes = PromptHashes()

    def line(self, record: Record) -> bytes:
        """As `fastjson.dumps(call_row(record))`."""
        rows = record.decision.rows
        if not (isinstance(rows, Rows) and rows.is_plain() and _is_plain(record)):
            return dumps(call_row(record))
        alike = _alike(record, rows)
        try:
            form = self._forms.get(alike) or self._form(alike, record, rows)
        except TypeError:  # tags that somebody gave as a list
            form = None
        if not form:
            return dumps(call_row(record))
        return form.fill(_own(record, rows, self._digest(record), self._shown(record.decision.features.signals)))

    def _digest(self, record: Record) -> str:
        messages = record.request.messages
        return self._hashes.of(messages) if record.decision.features.input_chars >= _LONG_CHARS else prompt_sha256(messages)

    def _shown(self, signals: Signals) -> bytes:
        known = self._seen.get(id(signals))
        if known is None:
            if len(self._seen) >= _MOST_FORMS:
                self._seen.clear()
            known = self._seen[id(signals)] = signals, dumps(signals.to_dict())
        return known[1]

    def _form(self, alike: Hashable, record: Record, rows: Rows) -> Form | None:
        if len(self._forms) >= _MOST_FORMS:
            self._forms.clear()
        form = self._forms[alike] = _form(record, rows) if alike in self._forms else None
        return form


def _is_plain(record: Record) -> bool:
    """Whether there is nothing to say that few calls have to say."""
    decision, attempts, at = record.decision, record.attempts, record.at
    if len(attempts) != 1 or attempts[0].error is not None or attempts[0].findings:
        return False
    return (
        record.cached_from is None
        and not (decision.matches or decision.arm)
        and at is decision.at
        and at.tzinfo is UTC
        and record.id == decision.id
        and record.request.session == decision.features.session
    )


def _alike(record: Record, rows: Rows) -> Hashable:
    """What a form depends on."""
    request, decision, features = record.request, record.decision, record.decision.features
    case, columns, _, _, ranking, _ = rows
    of_call = (
        case.panel,
        tuple(map(_TERM, columns)),
        tuple(ranking),
        record.status,
        record.target,
        record.model,
        record.finish_reason,
        record.cached_likeness,
        record.is_stream,
        record.usage.is_estimated,
        record.attempts[0].price_version,
        request.agent,
        request.key,
        request.tags,
    )
    return (  # of parts, because Python makes a tuple of more than thirty out of a list
        of_call,
        features.needs,
        features.kind,
        features.kind_source,
        features.is_tool_loop_open,
        features.tags,
        features.agent,
        features.pin,
        decision.pool,
        decision.policy,
        decision.ranked,
        decision.picker,
        decision.explore_share,
        decision.is_exploring,
        decision.config_revision,
        decision.scorecard_revision,
        decision.rule,
        decision.notes,
        decision.steps,
    )


def _own(record: Record, rows: Rows, digest: str, signals: bytes) -> list[bytes]:
    """What is a call's own, as JSON, in the order of `_OWN`."""
    decision, features, usage, at = record.decision, record.decision.features, record.usage, record.at.isoformat()
    numbers = [
        record.latency_s,
        first_token_s(record.attempts[0]),
        usage.input_tokens,
        usage.cached_input_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        record.cost_usd,
        features.input_chars,
        record.output_chars,
        decision.propensity,
        rows.expected_usd(record.target),
        os.getpid(),
        features.input_tokens,
        features.input_tokens_bound,
        features.output_tokens_limit,
        features.n_messages,
        decision.seed,
        *rows.numbers(),
    ]
    return [
        dumps(at[: -len("+00:00")]),
        dumps(at),
        dumps(record.id),
        dumps(features.session),
        dumps(digest),
        dumps(record.attempts),
        signals,
        *fastjson.dump_each(numbers),
    ]


def _form(record: Record, rows: Rows) -> Form:
    row: Any = call_row(record)
    for i, places in enumerate(_OWN):
        for place in places.split():
            *parents, name = place.split(".")
            part = row
            for parent in parents:
                part = part[parent]
            part[name] = hole(i)
    case, columns, _, _, ranking, _ = rows
    row["decision"]["candidates"] = kept_rows(case.panel, columns, ranking, map(hole, count(len(_OWN))))
    return Form(row)
