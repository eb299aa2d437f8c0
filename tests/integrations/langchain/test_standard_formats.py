"""LangChain's integration suite over upstreams of other formats through litellm, one at a time and mixed in one pool."""

from __future__ import annotations

import pytest

from routerkit import Router
from tests.integrations.langchain.pools import FORMATS, format_router
from tests.integrations.langchain.standard import EveryCapability

pytestmark = pytest.mark.slow  # litellm takes seconds to import


@pytest.fixture(autouse=True)
def _no_litellm_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gemini takes no addresses of pictures, so litellm downloads them."""
    from litellm.litellm_core_utils.prompt_templates import image_handling

    async def fetch(url: str, *_: object, **__: object) -> str:
        return "data:image/png;base64,AA=="

    monkeypatch.setattr(image_handling, "async_convert_url_to_base64", fetch)


class TestAnthropicFormat(EveryCapability):
    """A Claude behind Anthropic's Messages format."""

    model_override_value = FORMATS["anthropic"][1]

    @property
    def router(self) -> Router:
        return format_router("anthropic")


class TestGeminiFormat(EveryCapability):
    """A Gemini behind Google's generateContent format."""

    model_override_value = FORMATS["gemini"][1]

    @property
    def router(self) -> Router:
        return format_router("gemini")


class TestMixedFormats(EveryCapability):
    """One pool of all three; each call goes to a random one, so conversations change provider in mid-course."""

    model_override_value = FORMATS["openai"][1]

    @property
    def router(self) -> Router:
        return format_router("openai", "anthropic", "gemini", policy="weighted")
