"""The ways LangChain calls a model, each noting the config it was given before LangChain consumes it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from typing import Any, cast

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import RunnableConfig
from typing_extensions import override

from langchain_routerkit.session import carrying, thread_of


class EntryPoints(BaseChatModel):
    """Base of `ChatRouter`. Adds the call option `tags`, whose name LangChain would take for its own."""

    @override
    def invoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> AIMessage:
        with carrying(config):
            return super().invoke(input, config, **_options(kwargs))

    @override
    async def ainvoke(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> AIMessage:
        with carrying(config):
            return await super().ainvoke(input, config, **_options(kwargs))

    @override
    def stream(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[AIMessageChunk]:
        with closing(
            cast("Any", super().stream(input, config, **_options(kwargs)))
        ) as chunks:  # Any: typed as less than the generator it is
            with carrying(config):  # only while the request is made: a generator must not leave its variables to its caller
                first = next(chunks, None)
            if first is not None:
                yield first
                yield from chunks

    @override
    async def astream(
        self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[AIMessageChunk]:
        async with aclosing(cast("Any", super().astream(input, config, **_options(kwargs)))) as chunks:  # Any: as in stream
            with carrying(config):
                first = await anext(chunks, None)
            if first is None:
                return
            yield first
            async for chunk in chunks:
                yield chunk

    @override
    def _chat_model_stream_v3(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return super()._chat_model_stream_v3(input, config, **_with_session(config, kwargs))

    @override
    async def _achat_model_stream_v3(self, input: LanguageModelInput, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        return await super()._achat_model_stream_v3(input, config, **_with_session(config, kwargs))


def _options(kwargs: dict[str, Any]) -> dict[str, Any]:
    if "tags" in kwargs:
        kwargs["route_tags"] = kwargs.pop("tags")
    return kwargs


def _with_session(config: RunnableConfig | None, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The stream is pumped later and from elsewhere, where no context variable reaches, so the thread travels as an option."""
    thread = thread_of(config)
    return _options({"session": thread, **kwargs} if thread else kwargs)
