"""routerkit for LangChain.

`ChatRouter` is a chat model; `RouterMiddleware` routes each call of an agent with what the agent knows; `RouterDecisionModel` lets a policy
decide inside LangChain's own `ModelRouterMiddleware`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from langchain_routerkit.chat_model import ChatRouter
from langchain_routerkit.errors import RoutedError

if TYPE_CHECKING:
    from langchain_routerkit.decisions import RouterDecisionModel
    from langchain_routerkit.middleware import RouterMiddleware

__all__ = ["ChatRouter", "RoutedError", "RouterDecisionModel", "RouterMiddleware"]

_ON_DEMAND: Final = {"RouterDecisionModel": ("decisions", "langchain-core 1.8"), "RouterMiddleware": ("middleware", "langchain")}
"""Module, and what it needs beyond the `langchain-core` that `ChatRouter` needs."""


def __getattr__(name: str) -> object:
    """What needs more than `ChatRouter`, loaded when asked for.

    Raises:
        ImportError: its own requirement is not installed.
    """
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, needs = _ON_DEMAND[name]
    try:
        return getattr(import_module(f"{__name__}.{module}"), name)
    except ModuleNotFoundError as exc:
        raise ImportError(f"{name} needs {needs}, which is not installed: {exc}") from exc
