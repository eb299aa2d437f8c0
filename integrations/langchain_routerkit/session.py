"""Which conversation and which agent a call belongs to, on every path LangChain can take to a model.

LangGraph puts its thread id into the run's metadata, but not where a model streams; there only LangChain's own context variable has it,
and a config given directly to `model.invoke` reaches neither. So the model's entry points note their config here.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config

RunManager = CallbackManagerForLLMRun | AsyncCallbackManagerForLLMRun | None

_CONFIG: Final[ContextVar[RunnableConfig | None]] = ContextVar("routerkit_config", default=None)


@contextmanager
def carrying(config: RunnableConfig | None) -> Generator[None]:
    """Note the config of the call that starts inside the block."""
    if config is None:
        yield
        return
    token = _CONFIG.set(config)
    try:
        yield
    finally:
        _CONFIG.reset(token)


def thread_of(config: RunnableConfig | None) -> str | None:
    """Thread id of a config; None when it names none."""
    return _string((config or {}).get("configurable"), "thread_id")


def session_of(run: RunManager) -> str | None:
    """Thread id of the call that is running."""
    found = thread_of(_CONFIG.get()) or thread_of(var_child_runnable_config.get())
    return found or _string(run.metadata if run else None, "thread_id")


def agent_of(run: RunManager) -> str | None:
    """Name of the LangChain agent that is running; None outside named agents."""
    config = _CONFIG.get() or var_child_runnable_config.get() or {}
    return _string(run.metadata if run else None, "lc_agent_name") or _string(config.get("metadata"), "lc_agent_name")


def _string(values: Mapping[str, object] | None, name: str) -> str | None:
    value = (values or {}).get(name)
    return None if value is None else str(value)
