"""The OpenAI-compatible gateway: one address for agents that are neither LangChain nor LlamaIndex."""

from routerkit.gateway.app import Gateway
from routerkit.gateway.limits import Limits

__all__ = ["Gateway", "Limits"]
