"""LangChain's integration suite over upstreams of other formats through litellm: mixed, and each behind one kind of failure.

`matrix_formats.py` has the other combinations.
"""

from __future__ import annotations

import pytest

from tests.integrations.langchain.formats import Anthropic, Gemini, Mixed

pytestmark = pytest.mark.slow  # litellm takes seconds to import


class TestMixedFormats(Mixed):
    """Healthy."""


class TestAnthropicFormatAfterOverload(Anthropic):
    """The first target, a Claude too, always answers 503."""

    fault = "busy"


class TestGeminiFormatAfterCut(Gemini):
    """The first target, a Gemini too, always breaks off before its first content."""

    fault = "cut"


class TestMixedFormatsAfterRateLimit(Mixed):
    """The first target, a Gemini, always answers 429."""

    fault, bad = "limited", "gemini"
