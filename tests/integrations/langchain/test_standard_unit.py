"""LangChain's unit suite: construction, binding, tracing parameters, serialisation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_routerkit import ChatRouter


class TestChatRouterUnit(ChatModelUnitTests):
    """Nothing skipped, nothing overridden."""

    @pytest.fixture(autouse=True)
    def _beside_the_configuration(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(Path(__file__).parent)

    @property
    def chat_model_class(self) -> type[ChatRouter]:
        return ChatRouter

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"config": "routerkit.toml", "model": "pool"}

    @property
    def init_from_env_params(self) -> tuple[dict[str, str], dict[str, Any], dict[str, Any]]:
        return {"ROUTERKIT_CONFIG": "routerkit.toml"}, {}, {"config": "routerkit.toml", "model": "pool"}
