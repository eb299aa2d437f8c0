"""LangChain's integration suite over upstreams of other formats, behind a first target that may always fail."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest

from routerkit import Router
from tests.integrations.langchain.pools import MODELS, format_router, server
from tests.integrations.langchain.standard import EveryCapability
from tests.servers.strict_openai import StrictOpenAI


def counted(*details: str) -> Mapping[str, list[str]]:
    """What a format's usage tells apart, whole and streamed."""
    return MappingProxyType({"invoke": list(details), "stream": list(details)})


class EveryFormat(EveryCapability):
    """Pools of `kinds`; with a fault, behind a target of the format `bad`."""

    kinds: tuple[str, ...] = ()
    bad = ""

    @pytest.fixture(autouse=True)
    def _no_litellm_downloads(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Gemini takes no addresses of pictures, so litellm downloads them."""
        from litellm.litellm_core_utils.prompt_templates import image_handling

        async def fetch(url: str, *_: object, **__: object) -> str:
            return "data:image/png;base64,AA=="

        monkeypatch.setattr(image_handling, "async_convert_url_to_base64", fetch)

    @property
    def model_override_value(self) -> str:
        return MODELS[self.kinds[0]]

    @property
    def router(self) -> Router:
        return format_router(*self.kinds, bad=self.bad or self.kinds[0], fault=self.fault)

    @property
    def upstreams(self) -> tuple[list[StrictOpenAI], StrictOpenAI | None]:
        return [server(kind) for kind in self.kinds], server(self.bad or self.kinds[0], self.fault) if self.fault else None


class Anthropic(EveryFormat):
    """A Claude behind Anthropic's Messages format."""

    kinds = ("anthropic",)
    supported_usage_metadata_details = counted("reasoning_output", "cache_read_input", "cache_creation_input")


class Gemini(EveryFormat):
    """A Gemini behind Google's generateContent format."""

    kinds = ("gemini",)
    supported_usage_metadata_details = counted("reasoning_output", "cache_read_input", "audio_input")


class Mixed(EveryFormat):
    """One pool of all three; each call goes to a random one, so conversations change provider in mid-course."""

    kinds = ("openai", "anthropic", "gemini")
    supported_usage_metadata_details = counted("reasoning_output", "cache_read_input")
