"""One call, run in any of the four colours, always ending in a Reply, so that a test states a behaviour once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from routerkit.messages import Chunk, Reply, Request, ToolCall, Usage
from routerkit.provider import Provider

Colour = Literal["complete", "acomplete", "stream", "astream"]
COLOURS: tuple[Colour, ...] = ("complete", "acomplete", "stream", "astream")


@dataclass(frozen=True, slots=True)
class Call:
    """Runs requests in one colour."""

    colour: Colour

    @property
    def is_stream(self) -> bool:
        """Whether the answer comes in pieces."""
        return self.colour in {"stream", "astream"}

    def __call__(self, provider: Provider, request: Request) -> Reply:
        """Answer of the provider; a stream is read to its end and joined."""
        match self.colour:
            case "complete":
                return provider.complete(request)
            case "acomplete":
                return asyncio.run(_awaited(provider, request))
            case "stream":
                return joined(list(provider.stream(request)))
            case "astream":
                return joined(asyncio.run(_collected(provider, request)))


async def _awaited(provider: Provider, request: Request) -> Reply:
    return await provider.acomplete(request)


async def _collected(provider: Provider, request: Request) -> list[Chunk]:
    return [chunk async for chunk in provider.astream(request)]


def joined(chunks: Iterable[Chunk]) -> Reply:
    """The answer that a reader of these chunks sees; checks the rules that readers rely on."""
    pieces = list(chunks)
    usages = [c.usage for c in pieces if c.usage is not None]
    finishes = [c.finish_reason for c in pieces if c.finish_reason]
    assert 1 >= len(usages), "usage comes at most once"
    assert 1 == len(finishes), "exactly one chunk says why the answer ended"
    extra = {name: value for c in pieces for name, value in c.extra.items()}
    return Reply(
        text="".join(c.text for c in pieces),
        tool_calls=_joined_calls(pieces),
        finish_reason=finishes[0],
        usage=usages[0] if usages else Usage(),
        model=next((c.model for c in pieces if c.model), ""),
        reasoning="".join(c.reasoning for c in pieces),
        refusal="".join(c.refusal for c in pieces),
        extra=extra,
    )


def _joined_calls(chunks: list[Chunk]) -> tuple[ToolCall, ...]:
    calls: dict[int, ToolCall] = {}
    for delta in (delta for c in chunks for delta in c.tool_calls):
        old = calls.get(delta.index, ToolCall("", "", ""))
        calls[delta.index] = ToolCall(old.id + (delta.id or ""), old.name + (delta.name or ""), old.arguments + delta.arguments)
    return tuple(calls[index] for index in sorted(calls))
