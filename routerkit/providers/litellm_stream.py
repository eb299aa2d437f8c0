"""Reading a stream of litellm, which invents a finish reason and usage where the upstream sent none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol, cast

from routerkit.errors import ProviderError
from routerkit.messages import Chunk, Json, Request, Usage
from routerkit.providers import openai_format
from routerkit.providers.openai_finish import finish_reason
from routerkit.providers.openai_usage import counted
from routerkit.providers.tool_index import ToolIndex


class Dumpable(Protocol):
    """An answer or event of litellm."""

    def model_dump(self, *, exclude_none: bool) -> dict[str, Json]:
        """As JSON-like values."""
        ...


def as_mapping(answer: object) -> Mapping[str, Json]:
    """Plain values of an answer or event, without what is empty."""
    return _filled(cast("Dumpable", answer).model_dump(exclude_none=True))  # all of litellm's answers are pydantic models


def _filled(fields: Mapping[str, Json]) -> dict[str, Json]:
    filled: dict[str, Json] = {}
    for name, value in fields.items():
        if name == "choices" and isinstance(value, list):
            filled[name] = [_ended(_filled(choice)) for choice in value if isinstance(choice, Mapping)]
        elif name in {"message", "delta"} and isinstance(value, Mapping):
            filled[name] = _filled(value)
        elif name == "provider_specific_fields" and isinstance(value, Mapping):
            filled.update(_lifted(value))
        else:
            filled[name] = value
    return filled


def _ended(choice: dict[str, Json]) -> dict[str, Json]:
    """The choice; litellm says `stop` for every word that it does not know, also where the upstream says that it broke."""
    specific = choice.get("provider_specific_fields")
    if isinstance(specific, Mapping):
        finish_reason({"finish_reason": specific.get("native_finish_reason")})
    return choice


def _lifted(specific: Mapping[str, Json]) -> dict[str, Json]:
    """What litellm moved aside, with a refusal back in its place."""
    known = {name: value for name, value in specific.items() if value is not None and name != "refusal"}
    lifted: dict[str, Json] = {"provider_specific_fields": known} if known else {}
    return lifted | ({"refusal": specific["refusal"]} if specific.get("refusal") else {})


class Reading:
    """Turns events into chunks and insists that the upstream itself ended the answer."""

    def __init__(self, request: Request, upstream: object) -> None:
        self._request, self._upstream = request, upstream
        self._n_chars = 0
        self._usage: Usage | None = None
        self._finish, self._model = "", ""
        self._has_text = self._has_other = False
        self._calls = ToolIndex()

    def chunk(self, event: object) -> Chunk | None:
        """The event's part of the answer; None if it has none.

        Raises:
            ProviderError: `truncated` or `empty_answer` at a finish reason that the upstream never sent.
        """
        read = openai_format.chunk(as_mapping(event))
        chunk = replace(read, tool_calls=self._calls.place(read.tool_calls)) if read.tool_calls else read
        if chunk.finish_reason:
            self._check_end()
            chunk = replace(chunk, tool_calls=chunk.tool_calls + self._calls.rest(chunk.finish_reason))
        self._usage = chunk.usage or self._usage
        self._note(chunk)
        if not (chunk.has_content() or chunk.finish_reason or chunk.extra):
            return None
        return replace(chunk, usage=None)

    def end(self) -> Chunk:
        """The last chunk, with usage.

        Raises:
            ProviderError: `truncated` or `empty_answer`.
        """
        if not self._finish:
            raise self._unended()
        self._check_end()
        openai_format.check_named(self._calls.names.values())
        openai_format.check_not_empty("x" if self._has_text else "", self._finish, has_other=self._has_other)
        used = self._usage if self._usage is not None and self._has_reported_usage() else None
        return Chunk(usage=counted(used, self._request, self._n_chars), model=self._model)

    def _note(self, chunk: Chunk) -> None:
        self._n_chars += len(chunk.text) + len(chunk.reasoning) + sum(len(c.name or "") + len(c.arguments) for c in chunk.tool_calls)
        self._finish = chunk.finish_reason or self._finish
        self._model = chunk.model or self._model
        self._has_text = self._has_text or bool(chunk.text.strip())
        self._has_other = self._has_other or bool(chunk.tool_calls or chunk.refusal)

    def _check_end(self) -> None:
        # Attributes of litellm's stream wrapper: what the upstream sent, as opposed to what litellm adds.
        names = ("received_finish_reason", "intermittent_finish_reason")
        said = [getattr(self._upstream, name) for name in names if hasattr(self._upstream, name)]
        if said and not any(said):
            raise self._unended()
        for word in said:
            finish_reason({"finish_reason": word})

    def _has_reported_usage(self) -> bool:
        chunks = getattr(self._upstream, "chunks", None)
        return chunks is None or any(getattr(chunk, "usage", None) is not None for chunk in chunks)

    def _unended(self) -> ProviderError:
        if self._has_reported_usage() and not (self._has_text or self._has_other):
            return openai_format.empty_answer("its stream has no choices")
        return ProviderError("the stream ended without a finish_reason", code="truncated", maybe_billed=True)
