"""What a pool as a whole can promise, for callers that think they talk to one model."""

from __future__ import annotations

from llama_index.core.base.llms.types import LLMMetadata
from llama_index.core.constants import DEFAULT_CONTEXT_WINDOW, DEFAULT_NUM_OUTPUTS

from routerkit import RouterState, Target, UnknownModelError


def targets_of(model: str, state: RouterState) -> tuple[Target, ...]:
    """Targets that a request for `model` may reach.

    Raises:
        UnknownModelError: it names neither a pool nor a target.
    """
    if pool := state.pools.get(model):
        return pool.targets
    name, _, target = model.rpartition("/")
    pools = [state.pools[name]] if name in state.pools else list(state.pools.values())
    for pool in pools:
        if found := pool.target(target if pool.name == name else model):
            return (found,)
    raise UnknownModelError(model, {*state.pools, *(t.name for p in state.pools.values() for t in p.targets)})


def promise(model: str, targets: tuple[Target, ...], *, max_tokens: int | None) -> LLMMetadata:
    """The least of what the targets offer, since any of them may answer."""
    windows = [t.context_tokens for t in targets if t.context_tokens is not None]
    return LLMMetadata(
        context_window=min(windows, default=DEFAULT_CONTEXT_WINDOW),
        num_output=max_tokens or DEFAULT_NUM_OUTPUTS,
        is_chat_model=True,
        is_function_calling_model=all(t.can.get("tools") is not False for t in targets),
        model_name=model,
    )
