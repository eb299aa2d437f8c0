"""LangChain's integration suite through litellm, healthy and with a first target that always fails."""

from __future__ import annotations

import pytest

from tests.integrations.langchain.standard import EveryCapability

pytestmark = pytest.mark.slow  # litellm takes seconds to import


class TestLiteLLM(EveryCapability):
    """A healthy pool."""

    path = "litellm"


class TestLiteLLMAfterRateLimit(EveryCapability):
    """The first target always answers 429."""

    path, fault = "litellm", "limited"


class TestLiteLLMAfterOverload(EveryCapability):
    """The first target always answers 503."""

    path, fault = "litellm", "busy"


class TestLiteLLMAfterCut(EveryCapability):
    """The first target's connection always breaks before its first content."""

    path, fault = "litellm", "cut"
