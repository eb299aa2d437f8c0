"""An LLM for LlamaIndex that routes every call through routerkit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr, field_validator
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.types import Model
from typing_extensions import override

from llama_index.llms.routerkit.asking import FORCE, SETTINGS, one_or_many, to_request
from llama_index.llms.routerkit.incoming import Growing, to_completion, to_response
from llama_index.llms.routerkit.outgoing import has_remote_media
from llama_index.llms.routerkit.pools import promise, targets_of
from llama_index.llms.routerkit.tools import keep_first_call, to_choice, to_selections, to_specs
from routerkit import ConfigError, Request, Router, load

if TYPE_CHECKING:
    from llama_index.core.prompts import PromptTemplate
    from llama_index.core.tools.types import BaseTool

_SECRETS: Final = frozenset({"api_key", "api_base", "base_url", "headers", "extra_headers", "default_headers", "authorization"})


class RouterLLM(FunctionCallingLLM):
    """Routes each call to a target of a pool, keeps it alive when targets fail, and says what it did.

    Give either `config`, the path of a configuration file, or `router`. Each response carries
    `additional_kwargs["routerkit"] = {record_id, target, attempts, cost_usd, reason, verified, cached_from}`. Settings may be given per
    call, `model` included; unknown keywords go to the target unchanged. Keys never enter this object: they stay in the router's providers.

    Raises:
        ConfigError: neither or both of `config` and `router`, or the file is wrong.
        UnknownModelError: `model` names neither a pool nor a target.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)  # an error must not repeat what may be a key

    model: str = Field(description="Pool to route over, or one of its targets as `pool/target`.")
    config: str | None = Field(default=None, description="Path of the configuration file; None if a router was given.")
    temperature: float | None = Field(default=None, description="Sampling temperature; None leaves it to the target.")
    max_tokens: int | None = Field(default=None, gt=0, description="Longest answer, in tokens; None leaves it to the target.")
    stop: tuple[str, ...] = Field(default=(), description="Texts before which an answer ends.")
    kind: str | None = Field(default=None, description="Task kind, if all calls are of one; None lets routerkit guess.")
    agent: str | None = Field(default=None, description="Who calls, for budgets and reports.")
    session: str | None = Field(default=None, description="Conversation, for cache affinity and reports.")
    tags: tuple[str, ...] = Field(default=(), description="Tags that rules may look at.")
    timeout_s: float = Field(default=60.0, gt=0, description="Total deadline of a call over all attempts, in seconds.")
    additional_kwargs: dict[str, Any] = Field(default_factory=dict, description="Further body parameters of every call.")
    context_window: int | None = Field(default=None, gt=0, description="Tokens; None = the shortest known window of the pool.")
    is_function_calling_model: bool | None = Field(
        default=None, description="None = True unless a target is known not to call tools. Set True for a pool where some can."
    )
    _router: Router = PrivateAttr()

    def __init__(self, *, router: Router | None = None, config: str | PathLike[str] | None = None, model: str, **settings: Any) -> None:
        if (router is None) == (config is None):
            raise ConfigError("RouterLLM: give exactly one of config='routerkit.toml' and router=routerkit.load(...)")
        super().__init__(config=None if config is None else fspath(config), model=model, **settings)
        self._router = load(config) if router is None and config is not None else router  # type: ignore[assignment]  # one of them is given
        targets_of(model, self._router.state)

    @field_validator("additional_kwargs")
    @classmethod
    def _without_secrets(cls, given: dict[str, Any]) -> dict[str, Any]:
        _refuse_secrets(given)
        return given

    @field_validator("stop", "tags", mode="before")
    @classmethod
    def _one_or_many(cls, given: object) -> object:
        return None if given is None else one_or_many(given)

    @classmethod
    def class_name(cls) -> str:
        """Name under which LlamaIndex stores this class."""
        return "RouterLLM"

    @property
    def router(self) -> Router:
        """The router behind it.

        Raises:
            ConfigError: the object was pickled without a configuration file to load it from again, or that file is gone or wrong.
        """
        found: Router | None = (self.__pydantic_private__ or {}).get("_router")
        if found is None and self.config is None:
            raise ConfigError("RouterLLM: a router cannot be pickled; build it with config='routerkit.toml' instead of router=")
        return found or load(str(self.config))  # else LlamaIndex could not restore the object, and here is why

    @property
    def metadata(self) -> LLMMetadata:
        """What the pool as a whole promises."""
        found = promise(self.model, targets_of(self.model, self.router.state), max_tokens=self.max_tokens)
        found.context_window = self.context_window or found.context_window
        if self.is_function_calling_model is not None:
            found.is_function_calling_model = self.is_function_calling_model
        return found

    def __getstate__(self) -> dict[str, Any]:
        config = None if self.config is None else str(Path(self.config).expanduser().resolve())  # where it is loaded may be another folder
        bare = self.model_copy(update={"config": config})
        bare.__pydantic_private__ = None  # never the router: its providers hold keys; it is loaded again from `config`
        return super(RouterLLM, bare).__getstate__()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> RouterLLM:
        memo = {} if memo is None else memo
        memo[id(self.router)] = self.router  # shared: connections and health belong to the process, not to a copy
        return super().__deepcopy__(memo)

    def _request(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> Request:
        _refuse_secrets(kwargs)
        mine = {name: getattr(self, name) for name in SETTINGS}
        given = {name: value for name, value in kwargs.items() if value is not None}
        return to_request(messages, {**mine, **self.additional_kwargs, **given})

    async def _arequest(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> Request:
        if has_remote_media(messages):  # LlamaIndex downloads blocking
            return await asyncio.to_thread(self._request, messages, kwargs)
        return self._request(messages, kwargs)

    def _as_messages(self, prompt: str, *, is_formatted: bool) -> list[ChatMessage]:
        text = prompt if is_formatted or self.completion_to_prompt is None else self.completion_to_prompt(prompt)
        return [ChatMessage(text, role=MessageRole.USER)]

    def _chat(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> ChatResponse:
        return to_response(self.router.complete(self._request(messages, kwargs)))

    async def _achat(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> ChatResponse:
        return to_response(await self.router.acomplete(await self._arequest(messages, kwargs)))

    def _stream(self, request: Request) -> Generator[ChatResponse, None, None]:
        answer = Growing()
        for chunk in self.router.stream(request):
            if response := answer.add(chunk):
                yield response

    async def _astream(self, request: Request) -> AsyncGenerator[ChatResponse, None]:
        answer = Growing()
        chunks = self.router.astream(request)
        try:
            async for chunk in chunks:
                if response := answer.add(chunk):
                    yield response
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()  # an abandoned stream must not wait for the garbage collector

    # The eight calls. The decorated ones only add events; each event is sent once because none of them calls another.

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Whole answer to messages."""
        return self._chat(messages, kwargs)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Async twin of `chat`."""
        return await self._achat(messages, kwargs)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Answer in pieces; every response holds the whole message so far, and the new text in `delta`."""
        return self._stream(self._request(messages, kwargs))

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """Async twin of `stream_chat`."""
        return self._astream(await self._arequest(messages, kwargs))

    @override
    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Whole answer to a prompt."""
        return to_completion(self._chat(self._as_messages(prompt, is_formatted=formatted), kwargs))

    @override
    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Async twin of `complete`."""
        return to_completion(await self._achat(self._as_messages(prompt, is_formatted=formatted), kwargs))

    @override
    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """Answer to a prompt in pieces."""
        responses = self._stream(self._request(self._as_messages(prompt, is_formatted=formatted), kwargs))
        return (to_completion(response) for response in responses)

    @override
    @llm_completion_callback()
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """Async twin of `stream_complete`."""
        responses = self._astream(self._request(self._as_messages(prompt, is_formatted=formatted), kwargs))
        return (to_completion(response) async for response in responses)

    @override
    def get_tool_calls_from_response(
        self,
        response: ChatResponse,
        error_on_no_tool_call: bool = True,
        **kwargs: Any,
    ) -> list[ToolSelection]:
        """Tool calls of a response.

        Raises:
            ValueError: there is none, and `error_on_no_tool_call`.
        """
        found = to_selections(response)
        if not found and error_on_no_tool_call:
            raise ValueError(f"expected at least one tool call, but got {len(response.message.content or ''):,} characters of text")
        return found

    @override
    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        **kwargs: Any,
    ) -> dict[str, Any]:
        messages = list(chat_history or ())
        if user_msg is not None:
            messages.append(ChatMessage(user_msg, role=MessageRole.USER) if isinstance(user_msg, str) else user_msg)
        is_required = bool(kwargs.pop(FORCE, False)) or tool_required
        choice = to_choice(kwargs.pop("tool_choice", None), is_required=is_required)
        if not tools:
            return {"messages": messages, **kwargs}
        prepared = {"messages": messages, "tools": to_specs(tools), "parallel_tool_calls": allow_parallel_tool_calls, **kwargs}
        return prepared if choice is None else {**prepared, "tool_choice": choice}

    @override
    def _validate_chat_with_tools_response(
        self,
        response: ChatResponse,
        tools: Sequence[BaseTool],
        allow_parallel_tool_calls: bool = False,
        **kwargs: Any,
    ) -> ChatResponse:
        return response if allow_parallel_tool_calls else keep_first_call(response)

    @override
    def _structured_stream_call(
        self, output_cls: type[Model], prompt: PromptTemplate, llm_kwargs: dict[str, Any] | None = None, **prompt_args: Any
    ) -> Generator[Any, None, None]:
        return super()._structured_stream_call(output_cls, prompt, {**(llm_kwargs or {}), FORCE: True}, **prompt_args)

    @override
    async def _structured_astream_call(
        self, output_cls: type[Model], prompt: PromptTemplate, llm_kwargs: dict[str, Any] | None = None, **prompt_args: Any
    ) -> AsyncGenerator[Any, None]:
        return await super()._structured_astream_call(output_cls, prompt, {**(llm_kwargs or {}), FORCE: True}, **prompt_args)


def _refuse_secrets(given: Mapping[str, Any]) -> None:
    if found := sorted(_SECRETS & {name.lower() for name in given}):
        raise ValueError(f"{found[0]!r} does not belong to a call or an LLM; providers and keys are set in the configuration file")
