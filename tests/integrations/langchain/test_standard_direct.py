"""LangChain's integration suite over our own connection, healthy and with a first target that always fails."""

from __future__ import annotations

from tests.integrations.langchain.standard import EveryCapability


class TestDirect(EveryCapability):
    """A healthy pool."""


class TestDirectAfterRateLimit(EveryCapability):
    """The first target always answers 429."""

    fault = "limited"


class TestDirectAfterOverload(EveryCapability):
    """The first target always answers 503."""

    fault = "busy"


class TestDirectAfterCut(EveryCapability):
    """The first target's connection always breaks before its first content."""

    fault = "cut"
