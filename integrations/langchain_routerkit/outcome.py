"""Which routed calls stand behind a result of LangChain: the record ids in the `response_metadata` of its messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from langchain_core.messages import BaseMessage

from routerkit import ConfigError


def record_ids(result: object) -> tuple[str, ...]:
    """Records behind an answer, a list of messages, an agent's final state, or a structured answer with `include_raw=True`; each once.

    Raises:
        ConfigError: no routed answer is in it.
    """
    found = tuple(dict.fromkeys(_ids(result)))
    if not found:
        raise ConfigError(f"no answer of a ChatRouter in this {type(result).__name__}; give the message, the messages or the agent's state")
    return found


def _ids(result: object) -> Iterator[str]:
    if isinstance(result, BaseMessage):
        routed = result.response_metadata.get("routerkit")
        if isinstance(routed, Mapping) and isinstance(routed.get("record_id"), str):
            yield str(routed["record_id"])
    elif isinstance(result, Mapping):
        yield from _ids(result.get("messages"))
        yield from _ids(result.get("raw"))
    elif isinstance(result, list | tuple):
        for part in result:
            yield from _ids(part)
