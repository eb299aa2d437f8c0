"""LangChain's integration suite with every capability switched on, over a pool that a subclass names."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests

from langchain_routerkit import ChatRouter
from routerkit import Router
from tests.integrations.langchain.pools import OTHER, pool_router, server
from tests.servers.fault import Fault
from tests.servers.strict_openai import StrictOpenAI

DETAILS = ["reasoning_output", "cache_read_input", "cache_creation_input", "audio_input", "audio_output"]
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 50,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 40, "audio_tokens": 30},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 20},
}
"""What the servers' model does not do by itself: it writes no cache and says nothing aloud."""


class EveryCapability(ChatModelIntegrationTests):
    """All flags on, nothing overridden. Subclasses say which pool."""

    path = "direct"
    fault: str | None = None

    @property
    def router(self) -> Router:
        return pool_router(self.path, self.fault)

    @property
    def upstreams(self) -> tuple[list[StrictOpenAI], StrictOpenAI | None]:
        """The healthy servers, and the one that always fails."""
        return [server()], server("openai", self.fault) if self.fault else None

    @pytest.fixture(autouse=True)
    def _fails_over(self) -> Iterator[None]:
        """Whatever a test got from a healthy server, the failing one was asked before."""
        good, bad = self.upstreams
        before, failed = sum(s.hits for s in good), bad.hits if bad else 0
        yield
        if bad is not None and sum(s.hits for s in good) > before:
            assert bad.hits > failed

    @property
    def chat_model_class(self) -> type[ChatRouter]:
        return ChatRouter

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"router": self.router, "model": "pool"}

    supports_json_mode = supports_image_inputs = supports_image_urls = supports_pdf_inputs = supports_audio_inputs = (
        supports_video_inputs
    ) = True
    supports_image_tool_message = supports_pdf_tool_message = supports_anthropic_inputs = enable_vcr_tests = True
    model_override_value = OTHER
    supported_usage_metadata_details = MappingProxyType({"invoke": DETAILS, "stream": DETAILS})

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> AIMessage:
        return self._ask("Think.", stream=stream, reasoning_effort="low")

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> AIMessage:
        return self._ask("The same long text. " * 400, stream=stream)

    def invoke_with_cache_creation_input(self, *, stream: bool = False) -> AIMessage:
        return self._ask_with_usage(stream=stream)

    def invoke_with_audio_input(self, *, stream: bool = False) -> AIMessage:
        return self._ask_with_usage(stream=stream)

    def invoke_with_audio_output(self, *, stream: bool = False) -> AIMessage:
        return self._ask_with_usage(stream=stream)

    def _ask_with_usage(self, *, stream: bool) -> AIMessage:
        (good,), _ = self.upstreams
        good.script(Fault(usage=USAGE))
        return self._ask("Hello.", stream=stream)

    def _ask(self, prompt: str, *, stream: bool, **options: Any) -> AIMessage:
        model = ChatRouter(**self.chat_model_params)
        if not stream:
            return model.invoke(prompt, **options)
        merged: Any = None
        for chunk in model.stream(prompt, **options):
            merged = chunk if merged is None else merged + chunk
        return merged
