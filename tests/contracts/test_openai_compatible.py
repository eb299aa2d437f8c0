"""OpenAICompatible keeps the provider contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.providers.timers import Timers
from tests.contracts.provider import ProviderContract
from tests.contracts.provider_faults import BETWEEN_CHUNKS_S, ProviderFaultContract
from tests.servers.strict_openai import StrictOpenAI


class TestOpenAICompatible(ProviderContract, ProviderFaultContract):
    """Over the strict server."""

    @pytest.fixture
    def provider(self, openai_server: StrictOpenAI) -> Iterator[OpenAICompatible]:
        provider = OpenAICompatible(openai_server.base_url, openai_server.api_key, timers=Timers(between_chunks_s=BETWEEN_CHUNKS_S))
        yield provider
        provider.close()
