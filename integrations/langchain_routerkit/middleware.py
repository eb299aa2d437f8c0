"""`RouterMiddleware`: routes each model call of a LangChain agent with what the agent knows about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage

from langchain_routerkit.chat_model import ChatRouter
from routerkit import Router

Hint = Callable[[ModelRequest[Any]], str | None]  # Any: the agent's own context type


class RouterMiddleware(AgentMiddleware[Any, Any, Any]):  # Any: works with every agent's state and context
    """Puts a `ChatRouter` in the place of the agent's model, call by call, with hints that rules can use.

    Each call carries tags that say where the agent stands: `tool_loop` (tool results are being returned), `tool_error` (the last tool
    results hold an error), `structured` (the answer must fit a schema). A rule such as `when = { tags = ["tool_error"] }` can then
    prefer a stronger model exactly when the weaker one is stuck.

    Args:
        config: Configuration file; default: `ROUTERKIT_CONFIG`, else `routerkit.toml`.
        router: A router to share instead.
        model: A pool, or one target as `pool/target`; may be left out if there is only one pool.
        kind: Task kind, or a function that tells it from the request (its state, tools, messages).
        agent: Agent the calls are accounted to; default: the agent's own name.
    """

    def __init__(
        self,
        *,
        config: str | Path | None = None,
        router: Router | None = None,
        model: str = "",
        kind: str | Hint | None = None,
        agent: str | None = None,
    ) -> None:
        super().__init__()
        self.tools = []
        self.model = ChatRouter(config=None if config is None else str(config), router=router, model=model, agent=agent)
        self._kind = kind

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]
    ) -> ModelResponse[Any] | AIMessage:
        """Call the pool instead of the agent's model."""
        return handler(self._routed(request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
    ) -> ModelResponse[Any] | AIMessage:
        """Async twin of `wrap_model_call`."""
        return await handler(self._routed(request))

    def _routed(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        kind = self._kind(request) if callable(self._kind) else self._kind
        hints: dict[str, Any] = {"route_tags": standing(request), **({"kind": kind} if kind else {})}
        return request.override(model=self.model, model_settings={**request.model_settings, **hints})


def standing(request: ModelRequest[Any]) -> tuple[str, ...]:
    """Where in its work an agent stands, as tags."""
    results = _open_results(request.messages)
    tags = {
        "tool_loop": bool(results),
        "tool_error": any(r.status == "error" for r in results),
        "structured": request.response_format is not None,
    }
    return tuple(tag for tag, holds in tags.items() if holds)


def _open_results(messages: list[Any]) -> list[ToolMessage]:
    results: list[ToolMessage] = []
    message: BaseMessage
    for message in reversed(messages):
        if not isinstance(message, ToolMessage):
            break
        results.append(message)
    return results
