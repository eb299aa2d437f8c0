"""LangChain's integration suite on ChatOpenAI, pointed at the gateway instead of the vendor."""

from __future__ import annotations

import itertools

import pytest
from langchain_openai import ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

from tests.gateway.conftest import Served, serving

# ChatOpenAI's own: it serialises parsed answers, and tells that it does not take old pydantic models.
pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning"), pytest.mark.slow]
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("gateway")) as make:
        made = make()
        made.start()
        yield made


class TestChatOpenAI(ChatModelIntegrationTests):
    """As the vendor's own server would be judged."""

    @pytest.fixture(autouse=True)
    def _served(self, gateway: Served) -> None:
        type(self).gateway = gateway

    @property
    def chat_model_class(self):
        return ChatOpenAI

    @property
    def chat_model_params(self):
        # ChatOpenAI shares one asynchronous client per timeout between event loops, and each test has a loop of its own.
        own = {"timeout": 60 + next(_NUMBERS)}
        return {"model": "coding", "base_url": self.gateway.base_url, "api_key": "unused", "max_retries": 0, "stream_usage": True, **own}

    supports_json_mode = supports_image_inputs = supports_image_urls = True
