"""`ChatRouter`: a LangChain chat model that is a whole pool of models."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LangSmithParams, LanguageModelInput
from langchain_core.language_models.model_profile import ModelProfile
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import ConfigDict, Field, SecretStr, model_validator
from typing_extensions import override

from langchain_routerkit import binding, counting, pools
from langchain_routerkit.answer import PROVIDER, combined, to_chunk, to_result
from langchain_routerkit.calls import CallSettings, spelled_out, to_request
from langchain_routerkit.entries import EntryPoints
from langchain_routerkit.errors import as_langchain
from langchain_routerkit.outcome import record_ids
from langchain_routerkit.reading import with_raw
from langchain_routerkit.session import RunManager, agent_of, session_of
from langchain_routerkit.unreadable import Arguments
from routerkit import ConfigError, Request, Router


class ChatRouter(EntryPoints):
    """Chat model over a pool of targets: every call goes to the target the policy picks, and on to the next one if that fails.

    Example:
        ```python
        model = ChatRouter(config="routerkit.toml", model="coding")
        model.invoke("Explain this function: ...", kind="explain")
        ```

    Give `config` (or set `ROUTERKIT_CONFIG`) or a `router`. Keys, addresses and retries belong in the configuration: `api_key`,
    `base_url` and `max_retries` are accepted so that existing code keeps working, and have no effect.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid", populate_by_name=True)

    model: str = ""
    """A pool, or one target as `pool/target`; may be left out if there is only one pool. Call option `model` overrides it."""
    config: str | None = None
    """Configuration file; default: `ROUTERKIT_CONFIG`, else `routerkit.toml`."""
    router: Router | None = Field(default=None, exclude=True, repr=False)
    """A router to share instead of reading a configuration."""
    temperature: float | None = None
    max_tokens: int | None = None
    """Longest answer in tokens."""
    timeout: float | None = None
    """Deadline of a call over all attempts and waits, in seconds; default 60."""
    stop: list[str] | str | None = None
    max_retries: int | None = None
    """No effect: the router's own retries are the only ones."""
    api_key: SecretStr | None = Field(default=None, exclude=True, repr=False)
    """No effect: each target's key is in the configuration."""
    base_url: str | None = Field(default=None, exclude=True)
    """No effect: each target's address is in the configuration."""
    streaming: bool = False
    stream_usage: bool = True
    """Whether streams carry usage."""
    kind: str | None = None
    """Task kind of every call (`explain`, `refactor`, …); call option `kind` overrides it."""
    agent: str | None = None
    """Agent the calls are accounted to; default: the name of the LangChain agent that runs."""
    session: str | None = None
    """Conversation the calls belong to; default: the thread id of the run."""
    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Further body parameters of every call (`seed`, `top_p`, …)."""

    @model_validator(mode="before")
    @classmethod
    def _spell_out(cls, values: object) -> object:
        return spelled_out(values) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _check_model(self) -> Self:
        router = self._router()
        object.__setattr__(self, "model", self.model or pools.only_pool(router))
        pools.targets_of(router, self.model)
        return self

    def _router(self) -> Router:
        if self.router is None:
            if self.config is None:
                object.__setattr__(self, "config", os.environ.get("ROUTERKIT_CONFIG") or "routerkit.toml")
            object.__setattr__(self, "router", pools.shared_router(Path(str(self.config))))
        return cast("Router", self.router)

    def report(self, result: object, *, success: bool, evidence: str = "") -> tuple[str, ...]:
        """Tell the router what became of an answer, or of all answers behind an agent's result; returns the ids of their records.

        Args:
            result: A message, a list of messages, an agent's final state, or a structured answer with `include_raw=True`.
            success: Whether it worked: tests passed, diff applied, not reverted.
            evidence: What shows it.

        Raises:
            ConfigError: no routed answer is in the result.
        """
        found = record_ids(result)
        for record_id in found:
            self._router().report(record_id, success=success, evidence=evidence)
        return found

    @property
    def _llm_type(self) -> str:
        return PROVIDER

    @override
    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        return combined(llm_outputs)

    @property
    def _identifying_params(self) -> dict[str, Any]:
        """What an answer depends on; the revisions keep LangChain's cache from giving answers of an older policy."""
        state = self._router().state
        return {
            **self._settings().identity(),
            "model_kwargs": self.model_kwargs,
            "config_revision": state.revision,
            "scorecard_revision": state.scorecard.revision,
        }

    @override
    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        stops = [self.stop] if isinstance(self.stop, str) else self.stop
        params = super()._get_ls_params(stop=stop or stops, **kwargs)
        params["ls_provider"] = PROVIDER
        return params

    @override
    def _resolve_model_profile(self) -> ModelProfile | None:
        router = self._router()
        return pools.profile_of(pools.targets_of(router, self.model or pools.only_pool(router)))

    @override
    def get_token_ids(self, text: str) -> list[int]:
        """Pieces of four bytes: the targets of a pool share no tokenizer, so these are good for counting only."""
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        return counting.pieces(text)

    @override
    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Expected prompt tokens as the router itself reckons them, without a tokenizer or a download."""
        return counting.prompt_tokens(messages, tools)

    @override
    def bind_tools(
        self,
        tools: Sequence[binding.ToolLike],
        *,
        tool_choice: Any = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools with every call.

        Args:
            tools: Functions, Pydantic classes, `BaseTool`s or OpenAI tool definitions.
            tool_choice: `auto`, `none`, `any` (or True, `required`), a tool's name, or OpenAI's own form.
            strict: Whether arguments must follow the schema, where a target can promise it.
            kwargs: Further call options.
        """
        options = {**kwargs, **binding.offer(tools, tool_choice, strict=strict).arguments()}
        if "response_format" in options:
            options["response_format"] = binding.response_format(options["response_format"])
        return self.bind(**options)

    @override
    def with_structured_output(
        self,
        schema: binding.Schema,
        *,
        include_raw: bool = False,
        method: binding.Method | None = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Answers as objects of a schema.

        Args:
            schema: Pydantic class (answers are its objects), TypedDict or JSON schema (answers are dicts).
            include_raw: Return `{"raw", "parsed", "parsing_error"}` and do not raise on answers that cannot be read.
            method: `json_schema` (default unless a target is known not to do it), `function_calling` (default then) or `json_mode`.
            strict: Whether answers must follow the schema, where a target can promise it.
            kwargs: Further call options.
        """
        can_schema = (self.profile or {}).get("structured_output") is not False
        how = method or ("json_schema" if can_schema else "function_calling")
        plan = binding.structured(schema, how, strict=strict)
        noted = {"kwargs": {"method": how, "strict": strict}, "schema": schema}
        more = binding.offer(kwargs.pop("tools", ()), kwargs.pop("tool_choice", None), strict=strict).arguments()
        model = self.bind(**{**kwargs, **more, **plan.arguments, "ls_structured_output_format": noted})
        return with_raw(model, plan.reader) if include_raw else model | plan.reader

    @override
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with as_langchain():
            return to_result(self._router().complete(self._request(messages, stop, run_manager, kwargs)))

    @override
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with as_langchain():
            return to_result(await self._router().acomplete(self._request(messages, stop, run_manager, kwargs)))

    @override
    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        with_usage = bool(kwargs.get("stream_usage", self.stream_usage))
        arguments = Arguments()
        with as_langchain():
            for chunk in self._router().stream(self._request(messages, stop, run_manager, kwargs)):
                arguments.add(chunk)
                yield to_chunk(chunk, arguments, with_usage=with_usage)

    @override
    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        with_usage = bool(kwargs.get("stream_usage", self.stream_usage))
        arguments = Arguments()
        with as_langchain():
            async for chunk in self._router().astream(self._request(messages, stop, run_manager, kwargs)):
                arguments.add(chunk)
                yield to_chunk(chunk, arguments, with_usage=with_usage)

    def _request(self, messages: list[BaseMessage], stop: list[str] | None, run: RunManager, options: dict[str, Any]) -> Request:
        settings = self._settings()
        if settings.session is None or settings.agent is None:
            settings = replace(settings, session=settings.session or session_of(run), agent=settings.agent or agent_of(run))
        return to_request(settings, messages, {**options, "stop": stop} if stop else options)

    def __getstate__(self) -> dict[Any, Any]:
        if self.config is None:
            raise ConfigError("ChatRouter: a router cannot be pickled; build it with config='routerkit.toml' instead of router=")
        config = str(Path(self.config).expanduser().resolve())  # where it is loaded may be another folder
        return super(ChatRouter, self.model_copy(update={"router": None, "config": config})).__getstate__()

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        shared = self._router()  # connections and health belong to the process, not to a copy
        return super().__deepcopy__({**(memo or {}), id(shared): shared})

    def _settings(self) -> CallSettings:
        return CallSettings(
            model=self.model,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            stop=self.stop,
            timeout_s=self.timeout,
            kind=self.kind,
            agent=self.agent,
            session=self.session,
            tags=tuple(self.tags or ()),
            extra=self.model_kwargs,
        )
