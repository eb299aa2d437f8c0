"""From a request to the arguments of `litellm.acompletion`, or of `litellm.aembedding`."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Final

from routerkit.errors import ProviderError
from routerkit.messages import Json, Message, Request
from routerkit.providers import embedding_format

_ARGUMENTS: Final = frozenset(
    {
        "audio",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "modalities",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "reasoning_effort",
        "safety_identifier",
        "seed",
        "service_tier",
        "store",
        "thinking",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    }
)
"""Body parameters that litellm translates for each of its providers."""
_OWN_PARAMETERS: Final = frozenset({"model", "messages", "stream", "stream_options"})


def arguments(request: Request) -> dict[str, object]:
    """Keyword arguments that ask for what the request asks; copies, because litellm writes into what it is given.

    Of `request.extra`, parameters that litellm knows become arguments and all others go into the body as they are. None reaches litellm's
    own settings (`api_base`, `mock_response`, …), so a caller cannot send the key elsewhere.

    Raises:
        ProviderError: `invalid_request` for a video to a model that takes none.
    """
    if request.inputs:
        return {name: _mutable(value) for name, value in embedding_format.arguments(request).items()}
    asked: dict[str, object] = {"model": request.model, "messages": [_mutable(_with_video(m, request.model)) for m in request.messages]}
    given: dict[str, Json] = {
        "tools": request.tools or None,
        "tool_choice": request.tool_choice if request.tools else None,
        "stop": request.stop or None,
        "response_format": request.response_format,
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
    }
    if request.tools:
        asked["_skip_mcp_handler"] = True  # it would need the mcp package, and could run tools instead of returning their calls
    body: dict[str, object] = {}
    for name, value in ({**request.extra} | {name: value for name, value in given.items() if value is not None}).items():
        if name in _ARGUMENTS or name in given:
            asked[name] = _mutable(value)
        elif name not in _OWN_PARAMETERS:
            body[name] = _mutable(value)
    return asked | {"extra_body": body} if body else asked


def _with_video(message: Message, model: str) -> Message:
    """Videos as files for Gemini, none for Claude: of `video_url` parts litellm drops both without a word."""
    content = message.get("content")
    if isinstance(content, str) or not isinstance(content, Sequence) or not ("gemini" in model or "claude" in model):
        return message
    return {**message, "content": [_video_as_file(part, model) for part in content]}


def _video_as_file(part: Json, model: str) -> Json:
    if not isinstance(part, Mapping) or part.get("type") != "video_url":
        return part
    if "claude" in model:
        raise ProviderError(f"{model} takes no video; remove the video_url part or use another target", code="invalid_request")
    video = part.get("video_url")
    return {"type": "file", "file": {"file_data": video.get("url") if isinstance(video, Mapping) else video}}


def _mutable(value: Json) -> object:
    if isinstance(value, Mapping):
        return {name: _mutable(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_mutable(item) for item in value]
    return copy.copy(value)
