"""routerkit for LlamaIndex: `RouterLLM` is an LLM that routes every call."""

from llama_index.llms.routerkit.base import RouterLLM

__all__ = ["RouterLLM"]
