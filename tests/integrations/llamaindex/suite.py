"""What the tests share: the ways the list of 32 runs on, prompts and tools, a scripted target, and an ear for events."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from llama_index.core.instrumentation.event_handlers import BaseEventHandler
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, Field

from llama_index.llms.routerkit import RouterLLM
from routerkit import Reply
from routerkit.testing import ScriptedProvider, make_reply, make_router
from tests.integrations.failing import FAULTS


class Way(NamedTuple):
    """How a RouterLLM reaches its servers."""

    path: str = "openai"
    """Provider kind: our own connection (`openai`) or `litellm`."""
    failure: str = ""
    """What a first target, of the first format, does on every request; none if empty."""
    formats: tuple[str, ...] = ("openai",)
    """One healthy target of each; each call draws one."""


ALL_FORMATS = ("openai", "anthropic", "gemini")
WAYS = {
    "direct": Way(),
    "litellm": Way("litellm"),
    **{f"direct-after-{failure}": Way("openai", failure) for failure in FAULTS},
    **{f"litellm-after-{failure}": Way("litellm", failure) for failure in FAULTS},
    "anthropic-after-limited": Way("litellm", "limited", ("anthropic",)),
    "gemini-after-cut": Way("litellm", "cut", ("gemini",)),
    "mixed-after-busy": Way("litellm", "busy", ALL_FORMATS),
}
MORE_WAYS = {
    "-after-".join(filter(None, (name, failure))): Way("litellm", failure, formats)
    for name, formats in (("anthropic", ("anthropic",)), ("gemini", ("gemini",)), ("mixed", ALL_FORMATS))
    for failure in ("", *FAULTS)
}
"""All combinations of other formats and failures, for `matrix_formats.py`."""
HELLO = [ChatMessage("Say hello", role="user")]
ANSWER = "You said: Say hello"
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xff\xff?\x00\x05\xfe\x02\xfe\xa7\x9a\xa0\xa0\x00\x00\x00\x00IEND\xaeB`\x82"
)


class City(BaseModel):
    """A city with its population."""

    name: str
    population: int


CITY_PROMPT = PromptTemplate("Describe the city '{name}' with population 2100000")


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


ADD = FunctionTool.from_defaults(add)
ADD_PROMPT = "Please add 2 and 3 with the add tool"


def on(ways: dict[str, Way]) -> pytest.MarkDecorator:
    """Mark for tests that run on each of these ways."""
    return pytest.mark.parametrize("upstream", ways.values(), ids=ways.keys(), indirect=True)


def scripted(*replies: Reply, **settings: Any) -> tuple[RouterLLM, ScriptedProvider]:
    """A RouterLLM over one target that gives these replies, for what no server is needed for."""
    provider = ScriptedProvider(replies or [make_reply()])
    return RouterLLM(router=make_router({"only": provider}), **{"model": "pool", **settings}), provider


class Listener(BaseEventHandler):
    """Keeps the events of LlamaIndex's dispatcher."""

    seen: list[Any] = Field(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "Listener"

    def handle(self, event: Any, **kwargs: Any) -> None:
        self.seen.append(event)

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.seen]


def counts(response: Any) -> tuple[int, int]:
    return response.raw["usage"]["prompt_tokens"], response.raw["usage"]["completion_tokens"]


EXPECTED_COUNTS = (3, 5)
"""Four characters to a token, as the strict server counts `Say hello` and the answer to it."""
