"""routerkit for LangChain: `ChatRouter` is a chat model, `RouterMiddleware` routes each turn of an agent with what the agent knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_routerkit.chat_model import ChatRouter
from langchain_routerkit.errors import RoutedError

if TYPE_CHECKING:
    from langchain_routerkit.middleware import RouterMiddleware

__all__ = ["ChatRouter", "RoutedError", "RouterMiddleware"]


def __getattr__(name: str) -> object:
    """`RouterMiddleware`, loaded when asked for: it needs `langchain`, while `ChatRouter` needs `langchain-core` only."""
    if name != "RouterMiddleware":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from langchain_routerkit.middleware import RouterMiddleware  # a second of import time

    return RouterMiddleware
