"""A row of the ledger as it is written: calls that are alike have a form in common, and fill it with what is each one's own.

An agent's calls differ in a few dozen numbers and texts; what is said of its pool, its policy, its key and the targets is the same every
time, and was most of the work.
"""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import fields
from datetime import UTC
from operator import attrgetter, itemgetter
from typing import Any, Final

from routerkit import fastjson
from routerkit.call_row import call_row, first_token_s
from routerkit.candidate_rows import Rows, kept_rows
from routerkit.fastjson import Form, dumps, hole
from routerkit.instants import Seconds
from routerkit.messages import Usage
from routerkit.prompt_hash import PromptHashes, prompt_sha256
from routerkit.record import Attempt, Record
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
    "decision.features.signals",
    "latency_s",
    "first_token_s",
    "cost_usd attempts.0.cost_usd",
    "attempts.0.offset_s",
    "attempts.0.latency_s",
    "attempts.0.first_token_s",
    "input_tokens attempts.0.usage.input_tokens",
    "output_tokens attempts.0.usage.output_tokens",
    "cached_input_tokens attempts.0.usage.cached_input_tokens",
    "attempts.0.usage.cache_write_tokens",
    "reasoning_tokens attempts.0.usage.reasoning_tokens",
    "attempts.0.usage.audio_input_tokens",
    "attempts.0.usage.audio_output_tokens",
    "prompt_chars decision.features.input_chars",
    "output_chars",
    "propensity decision.propensity",
    "worker_pid",
    "decision.features.input_tokens",
    "decision.features.input_tokens_bound",
    "decision.features.output_tokens_limit",
    "decision.features.n_messages",
    "decision.seed",
)
"""Where a row says what `_own` gives, in that order; the candidates' numbers follow."""


_ENDING: Final = attrgetter("error", "error_kind", "error_code", "status", "maybe_billed", "findings")
_WELL: Final = (None, None, None, None, False, ())


class CallLines:
    """Writes rows, see `call_row`."""

    def __init__(self) -> None:
        self._forms: dict[Hashable, Form | None] = {}
        """None = there was one call like that, which may be the only one."""
        self._seen: dict[int, tuple[Signals, bytes]] = {}
        """By identity, because most requests show the same, and equal signals are mostly one object."""
        self._hashes, self._seconds = PromptHashes(), Seconds()

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
        at = self._seconds.text(record.at).encode()
        return form.fill(_own(record, rows, at, self._digest(record), self._shown(record.decision.features.signals)))

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
    if len(attempts) != 1:
        return False
    attempt = attempts[0]
    return (
        attempt.usage is record.usage
        and attempt.cost_usd is record.cost_usd
        and _ENDING(attempt) == _WELL
        and record.cached_from is None
        and not (decision.matches or decision.arm)
        and at is decision.at
        and at.tzinfo is UTC
        and record.id == decision.id
        and record.request.session == decision.features.session
    )


def _alike(record: Record, rows: Rows) -> Hashable:
    """What a form depends on."""
    request, decision, features, attempt = record.request, record.decision, record.decision.features, record.attempts[0]
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
        attempt.target,
        attempt.model,
        attempt.price_version,
        attempt.normalised,
        attempt.purpose,
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


def _own(record: Record, rows: Rows, at: bytes, digest: str, signals: bytes) -> list[bytes]:
    """What is a call's own, as JSON, in the order of `_OWN`; `at` is its instant as text, in UTC."""
    decision, features, usage, attempt = record.decision, record.decision.features, record.usage, record.attempts[0]
    numbers = [
        record.latency_s,
        first_token_s(attempt),
        record.cost_usd,
        attempt.offset_s,
        attempt.latency_s,
        attempt.first_token_s,
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_input_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        usage.audio_input_tokens,
        usage.audio_output_tokens,
        features.input_chars,
        record.output_chars,
        decision.propensity,
        os.getpid(),
        features.input_tokens,
        features.input_tokens_bound,
        features.output_tokens_limit,
        features.n_messages,
        decision.seed,
        *rows.numbers(),
    ]
    session = b"null" if features.session is None else dumps(features.session)
    return [b'"%b"' % at, b'"%b+00:00"' % at, dumps(record.id), session, dumps(digest), signals, *fastjson.dump_each(numbers)]


def _form(record: Record, rows: Rows) -> Form:
    row: Any = call_row(record)
    [attempt] = record.attempts
    told: Any = {f.name: getattr(attempt, f.name) for f in fields(Attempt)}
    row["attempts"] = [told | {"usage": {f.name: getattr(record.usage, f.name) for f in fields(Usage)}}]
    for i, places in enumerate(_OWN):
        for place in places.split():
            *parents, name = place.split(".")
            part = row
            for parent in parents:
                part = part[int(parent) if parent.isdigit() else parent]
            part[name] = hole(i)
    case, columns, _, _, ranking, _ = rows
    if (cost_place := rows.cost_place(record.target)) is not None:
        row["expected_usd"] = hole(len(_OWN) + cost_place)
    row["decision"]["candidates"] = kept_rows(case.panel, columns, ranking, [hole(len(_OWN) + place) for place in rows.places()])
    return Form(row)
