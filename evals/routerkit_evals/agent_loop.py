"""The agent's loop: LangChain's `create_agent` on `ChatRouter`, with a meter that counts every call and ends the loop at its bounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.tools import StructuredTool

from langchain_routerkit import ChatRouter, RoutedError
from routerkit import AllAttemptsFailedError, NoCandidateError, ProviderError, Router, Usage
from routerkit_evals.agent_solver import SYSTEM, AgentBounds
from routerkit_evals.solver import AGENT
from routerkit_evals.task import Task
from routerkit_evals.workspace import Workspace

_TRANSCRIPT_CHARS: Final = 20_000
_NODES_PER_STEP: Final = 4
"""LangGraph counts nodes, not calls; its own limit must never come first."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a loop ended."""

    usage: Usage
    cost_usd: float | None
    """Of all calls; None = unknown."""
    n_calls: int
    model: str = ""
    record_id: str | None = None
    last_text: str = ""
    stopped_by: str = ""
    """`steps`, `tokens` or `time`, when a bound ended it."""
    transcript: str = ""
    """What was said and done, cut at its beginning."""
    error: ProviderError | None = None


class Meter(AgentMiddleware[Any, Any, Any]):
    """Counts calls, tokens and dollars, gives each call the time that is left, and ends the loop instead of starting one too many."""

    def __init__(self, bounds: AgentBounds, clock: Callable[[], float]) -> None:
        """Start the clock."""
        super().__init__()
        self._bounds, self._clock = bounds, clock
        self._until = clock() + bounds.timeout_s
        self.usage, self.cost_usd, self.n_calls, self.stopped_by = Usage(), 0.0, 0, ""
        self.is_priced = True
        self.seen: list[BaseMessage] = []

    def wrap_model_call(self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], ModelResponse[Any]]) -> Any:
        """One call, unless a bound forbids it; an answer without tool calls ends the loop."""
        self.seen = list(request.messages)
        self.stopped_by = self._reached()
        if self.stopped_by:
            return AIMessage("")
        self.n_calls += 1
        settings = {**request.model_settings, "timeout": self._until - self._clock()}
        try:
            response = handler(request.override(model_settings=settings))
        except RoutedError as exc:
            self._pay(_cost_of(exc.error))
            raise
        for message in response.result:
            if isinstance(message, AIMessage):
                self._count(message)
        self.seen += response.result
        return response

    def _reached(self) -> str:
        if self.n_calls >= self._bounds.max_steps:
            return "steps"
        if self.usage.input_tokens + self.usage.output_tokens >= self._bounds.max_total_tokens:
            return "tokens"
        return "time" if self._clock() >= self._until else ""

    def _count(self, message: AIMessage) -> None:
        used = message.usage_metadata
        if used:
            cached = used.get("input_token_details", {}).get("cache_read") or 0
            self.usage += Usage(used["input_tokens"], used["output_tokens"], cached_input_tokens=cached)
        self._pay(_routing(message).get("cost_usd"))

    def _pay(self, cost_usd: float | None) -> None:
        self.is_priced = self.is_priced and cost_usd is not None
        self.cost_usd += cost_usd or 0.0


def run_agent(router: Router, model: str, task: Task, space: Workspace, *, question: str, bounds: AgentBounds, epoch: int = 0) -> Outcome:
    """Let an agent work on a task; a failed call ends it and is a value.

    Args:
        router: Where requests go.
        model: Pool and target, as `pool/target`.
        task: What it is about.
        space: Its files.
        question: First message.
        bounds: What ends it.
        epoch: Repetition, sent as `seed`.
    """
    chat = ChatRouter(
        router=router,
        model=model,
        max_tokens=bounds.max_tokens,
        kind=task.category,
        agent=AGENT,
        model_kwargs={"seed": epoch} if epoch else {},
    )
    meter = Meter(bounds, time.monotonic)
    tools = [StructuredTool.from_function(f) for f in (space.list_files, space.read_file, space.edit_file, space.run_tests)]
    agent = create_agent(chat, tools, system_prompt=SYSTEM, middleware=[meter])
    limit = {"recursion_limit": _NODES_PER_STEP * (bounds.max_steps + 2)}
    error = None
    try:
        agent.invoke({"messages": [HumanMessage(question)]}, limit)  # type: ignore[call-overload]  # LangGraph types its config as Any
    except RoutedError as exc:
        error = exc.error
    return _outcome(meter, error)


def _outcome(meter: Meter, error: ProviderError | None) -> Outcome:
    last = next((m for m in reversed(meter.seen) if isinstance(m, AIMessage)), None)
    return Outcome(
        usage=meter.usage,
        cost_usd=meter.cost_usd if meter.is_priced else None,
        n_calls=meter.n_calls,
        model=str(last.response_metadata.get("model_name") or "") if last else "",
        record_id=_routing(last).get("record_id") if last else None,
        last_text=last.text if last else "",
        stopped_by=meter.stopped_by,
        transcript=_transcript(meter.seen),
        error=error,
    )


def _routing(message: AIMessage) -> dict[str, Any]:
    found = message.response_metadata.get("routerkit")
    return found if isinstance(found, dict) else {}


def _cost_of(error: ProviderError) -> float | None:
    if isinstance(error, NoCandidateError):
        return 0.0
    return error.record.cost_usd if isinstance(error, AllAttemptsFailedError) else None


def _transcript(messages: Sequence[BaseMessage]) -> str:
    lines = []
    for message in messages:
        calls = [f"{c['name']}({c['args']})" for c in message.tool_calls] if isinstance(message, AIMessage) else []
        lines.append(f"[{message.type}] {' '.join([message.text, *calls]).strip()}")
    return "\n".join(lines)[-_TRANSCRIPT_CHARS:]
