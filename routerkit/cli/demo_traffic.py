"""A handful of new requests, routed through LangChain by what was just measured."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Final, NamedTuple

from langchain_routerkit import ChatRouter
from routerkit.config import build_ledger, build_state, read
from routerkit.decision import format_usd
from routerkit.errors import ProviderError
from routerkit.record import Record, Report
from routerkit.router import Router


class _Ask(NamedTuple):
    kind: str | None
    text: str


_ASKS: Final = (
    _Ask("synthesize", 'Complete it:\n```\ndef double(n):\n    """Return two times n."""\n```\nAnswer with one fenced code block.'),
    _Ask("bug_fix", "Fix this function, it must add:\n```\ndef plus(a, b):\n    return a - b\n```\nAnswer with one fenced code block."),
    _Ask("explain", "What does len('abcd') return in Python? Answer in one short sentence."),
    _Ask("translate", "Rewrite in Python:\n```\nconst f = (x) => x + 1\n```\nAnswer with one fenced code block."),
)
_TOO_LONG: Final = _Ask("explain", "Explain this module:\n" + "\n".join(f"def step_{i}(x):\n    return x + {i}" for i in range(4_000)))
_ANSWER_TOKENS: Final = 80


class _Last:
    """Observer that keeps the newest record, to show the decision that was really taken."""

    record: Record | None = None

    def observe(self, event: Record | Report) -> None:
        if isinstance(event, Record):
            self.record = event


def route_some(path: Path) -> None:
    """Send each request through a ChatRouter and print its decision, attempts, cost and the start of the answer."""
    config, last = read(path), _Last()
    ledger = build_ledger(config, path.parent)
    with Router(build_state(config, path.parent), observers=[o for o in (ledger, last) if o]) as router:
        model = ChatRouter(router=router, model="coding", max_tokens=_ANSWER_TOKENS, timeout=60)
        for ask in (*_ASKS, _TOO_LONG):
            _route(model, ask, last)


def _route(model: ChatRouter, ask: _Ask, last: _Last) -> None:
    print(f"\n> {textwrap.shorten(ask.text, 100)}")
    try:
        answer = model.invoke(ask.text, kind=ask.kind)
    except ProviderError as exc:
        print(f"  no answer: {exc}")
        return
    record = last.record
    if record is None:
        return
    print(textwrap.indent(record.decision.explain(), "  "))
    money = format_usd(record.cost_usd)
    print(f"  answered by {record.target} after {len(record.attempts)} attempt(s) in {record.latency_s:.1f} s, {money}, record {record.id}")
    print(textwrap.indent(textwrap.shorten(str(answer.content), 160), "  | "))
