"""Tools that Anthropic runs while it answers: uses and what came of them stand in one turn of the assistant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from routerkit.gateway.exchange import encode
from routerkit.messages import Json

Object = Mapping[str, Json]
RUN_ELSEWHERE: Final = ("server_tool_use", "mcp_tool_use")
"""Types of their uses."""


def is_result(block: Object) -> bool:
    """Whether a block of the assistant is what came of one: `web_search_tool_result`, `mcp_tool_result` and the like."""
    return str(block.get("type")).endswith("_tool_result")


def with_results(blocks: Sequence[Object]) -> Sequence[Object]:
    """A turn without uses that have no result in it, as where it paused, and without results of no use; others refuse both."""
    uses = {use_id(block) for block in blocks if block.get("type") in RUN_ELSEWHERE}
    results = {use_id(block) for block in blocks if is_result(block)}
    if not uses and not results:
        return blocks
    whole = {None} | (uses & results)
    return [block for block in blocks if use_id(block) in whole]


def use_id(block: Object) -> str | None:
    """What a use and its result have in common; None for other blocks."""
    if block.get("type") in RUN_ELSEWHERE:
        return str(block.get("id"))
    return str(block.get("tool_use_id")) if is_result(block) else None


def found_of(block: Object) -> str:
    """What a tool found as text, without what only Anthropic can read of it."""
    content = block.get("content")
    if isinstance(content, list):
        content = [{n: v for n, v in one.items() if not n.startswith("encrypted_")} if isinstance(one, dict) else one for one in content]
    return encode(content or "").decode()
