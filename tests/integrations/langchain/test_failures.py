"""What a caller sees of failures: types, names of targets and reasons; and that nothing is sent or spliced."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.exceptions import ModelError
from langchain_core.messages import HumanMessage

from langchain_routerkit import ChatRouter, RoutedError
from routerkit import Chunk, ProviderError, UnknownModelError
from routerkit.testing import ScriptedProvider, make_reply, make_router, make_target
from tests.integrations.langchain.scripting import run, scripted

PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}

ERRORS = [
    (ProviderError("x", code="rate_limit", status=429), "ModelRateLimitError", True),
    (ProviderError("x", code="overloaded", status=503), "ModelAPIError", True),
    (ProviderError("x", code="connect"), "ModelConnectionError", True),
    (ProviderError("x", code="timeout"), "ModelTimeoutError", True),
    (ProviderError("x", code="truncated"), "ModelAPIError", True),
    (ProviderError("x", code="auth", status=401), "ModelAuthenticationError", False),
    (ProviderError("x", code="auth", status=403), "ModelPermissionDeniedError", False),
    (ProviderError("x", code="quota", status=402), "ModelPermissionDeniedError", False),
    (ProviderError("x", code="not_found", status=404), "ModelNotFoundError", False),
    (ProviderError("x", code="context_length", status=400), "ContextOverflowError", False),
    (ProviderError("x", code="invalid_request", status=400), "ModelInvalidRequestError", False),
]


@pytest.mark.parametrize("way", ["invoke", "stream"])
@pytest.mark.parametrize(("error", "name", "is_retryable"), ERRORS, ids=lambda v: getattr(v, "code", str(v)))
def test_failures_are_langchains_and_ours(error, name, is_retryable, way):
    """LangChain's retry middleware reads `is_retryable`; our record is one attribute away."""
    model, _ = scripted(error)
    with pytest.raises(ModelError) as caught:
        run(model, way, "hi")
    raised = caught.value
    assert name in {c.__name__ for c in type(raised).__mro__}
    assert is_retryable == raised.is_retryable
    assert isinstance(raised, ProviderError)
    assert isinstance(raised, RoutedError)
    assert error.code == raised.error.last.code


def test_unknown_pool_is_refused_before_the_first_call():
    """With the nearest name."""
    with pytest.raises(UnknownModelError, match="did you mean 'pool'"):
        scripted(model="pol")
    model, provider = scripted()
    with pytest.raises(ModelError, match="did you mean 'pool'"):
        model.invoke("hi", model="pol")
    assert [] == provider.requests


def test_unknown_task_kind_is_refused():
    """It would be routed as if nothing had been said."""
    with pytest.raises(RoutedError, match="unknown task kind 'explian'"):
        scripted()[0].invoke("hi", kind="explian")


TOOLS = {"tools": [{"type": "function", "function": {"name": "f"}}]}
BAD_INPUT = [
    ("tools", {"can": {"tools": False}}, [HumanMessage("hi")], TOOLS, "cannot do tools"),
    ("image", {"can": {"vision": False}}, [HumanMessage([PNG])], {}, "cannot do vision"),
    ("long", {"context_tokens": 100}, [HumanMessage("word " * 500)], {}, "needs about 971 tokens > 100"),
]


@pytest.mark.parametrize("way", ["invoke", "stream"])
@pytest.mark.parametrize(("_", "target", "messages", "options", "why"), BAD_INPUT, ids=lambda v: v if isinstance(v, str) else "")
def test_request_that_no_target_can_take_names_each_and_sends_nothing(_, target, messages, options, why, way):
    """Typed, not retryable, complete."""
    providers = {name: ScriptedProvider([make_reply()]) for name in "ab"}
    model = ChatRouter(router=make_router(providers, targets=[make_target(name, **target) for name in "ab"]))
    with pytest.raises(RoutedError) as caught:
        run(model, way, messages, **options)
    assert all(f"{name} dropped by" in str(caught.value) for name in "ab")
    assert why in str(caught.value)
    assert not caught.value.is_retryable
    assert [] == providers["a"].requests + providers["b"].requests


def test_prompt_longer_than_every_window_is_an_overflow_to_langchain():
    """Its summarising middleware waits for that type."""
    from langchain_core.exceptions import ContextOverflowError

    model = ChatRouter(router=make_router({"a": ScriptedProvider([make_reply()])}, targets=[make_target("a", context_tokens=100)]))
    with pytest.raises(ContextOverflowError):
        model.invoke("word " * 500)


def test_stream_that_breaks_after_content_raises_and_keeps_what_came():
    """No other model's text is spliced in."""
    provider = ScriptedProvider([ProviderError("cut", code="disconnected")], break_after=2)
    model = ChatRouter(router=make_router({"a": provider, "b": ScriptedProvider([make_reply()])}))
    got: list[str] = []
    with pytest.raises(RoutedError, match="broke after content"):
        got.extend(chunk.text for chunk in model.stream("hi"))
    assert ["part0 ", "part1 "] == got


def test_streams_close_their_upstream_when_left():
    """A caller who stops reading stops paying."""
    closed: list[bool] = []

    class Endless(ScriptedProvider):
        def stream(self, request: Any) -> Any:
            try:
                while True:
                    yield Chunk(text="x")
            finally:
                closed.append(True)

    stream = ChatRouter(router=make_router({"a": Endless([])})).stream("hi")
    next(stream)
    stream.close()
    assert [True] == closed
