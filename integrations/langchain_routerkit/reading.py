"""Structured answers as objects, and what is wrong with those that are none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from operator import itemgetter
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.output_parsers import BaseTransformOutputParser
from langchain_core.outputs import ChatGeneration
from langchain_core.runnables import Runnable, RunnableConfig, RunnableLambda, RunnableMap, RunnablePassthrough
from typing_extensions import override


class Reader(Runnable[AIMessage, object]):
    """A parser of LangChain's that completes no cut answer and passes over no unreadable one.

    Left alone those parsers close the JSON that `max_tokens` cut off, take a call whose arguments are not an object for no call, and end a
    stream without a word when nothing of it could be read.
    """

    def __init__(self, parser: BaseTransformOutputParser[Any]) -> None:
        self._parser = parser

    @property
    @override
    def OutputType(self) -> type[object]:
        """What LangChain shows as the chain's schema."""
        return self._parser.OutputType

    @override
    def invoke(self, input: AIMessage, config: RunnableConfig | None = None, **kwargs: Any) -> object:
        """The object.

        Raises:
            OutputParserException: the answer is cut, refused or unreadable.
        """
        check(input)
        return self._parser.invoke(input, config)

    @override
    def transform(self, input: Iterator[AIMessage], config: RunnableConfig | None = None, **kwargs: Any) -> Iterator[object]:
        """The object as far as it can be read, growing; raises like `invoke` at the end."""
        seen: list[AIMessage] = []

        def noted() -> Iterator[AIMessage]:
            for message in input:
                seen.append(message)
                yield message

        yield from self._parser.transform(noted(), config)
        self._read_all(seen)

    @override
    async def atransform(
        self, input: AsyncIterator[AIMessage], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[object]:
        """Async twin of `transform`."""
        seen: list[AIMessage] = []

        async def noted() -> AsyncIterator[AIMessage]:
            async for message in input:
                seen.append(message)
                yield message

        async for found in self._parser.atransform(noted(), config):
            yield found
        self._read_all(seen)

    def parsed(self, message: AIMessage) -> object:
        """The object; None if there is a problem."""
        return None if self.problem(message) else self._parser.parse_result([ChatGeneration(message=message)])

    def problem(self, message: AIMessage) -> Exception | None:
        """Why an answer cannot be read; None if it can."""
        try:
            self._read_all([message])
        except ValueError as exc:  # of LangChain's parsers and of Pydantic, old and new
            return exc
        return None

    def _read_all(self, seen: Sequence[AIMessage]) -> None:
        if seen:
            whole = seen[0] if len(seen) == 1 else add_ai_message_chunks(*seen)  # type: ignore[arg-type]  # several are chunks
            check(whole)
            self._parser.parse_result([ChatGeneration(message=whole)])


def with_raw(model: Runnable[LanguageModelInput, AIMessage], reader: Reader) -> Runnable[LanguageModelInput, dict[str, object]]:
    """The message, what was read from it, and what went wrong while reading."""
    parsed, problem = RunnableLambda(reader.parsed), RunnableLambda(reader.problem)
    return RunnableMap(raw=model) | RunnablePassthrough.assign(parsed=itemgetter("raw") | parsed, parsing_error=itemgetter("raw") | problem)


def check(message: AIMessage) -> None:
    """Refuse an answer that a parser would make up the rest of.

    Raises:
        OutputParserException: it is a refusal, a call whose arguments cannot be read, or cut.
    """
    if refusal := message.additional_kwargs.get("refusal"):
        raise OutputParserException(f"the model refused: {refusal}", llm_output=str(refusal))
    for call in message.invalid_tool_calls:
        raise OutputParserException(
            f"tool call {call['name']!r} cannot be read: {call['error'] or 'its arguments are not a JSON object'}", llm_output=call["args"]
        )
    if message.response_metadata.get("finish_reason") == "length" and not message.tool_calls:
        raise OutputParserException("the answer was cut at its token limit; raise max_tokens", llm_output=message.text)
