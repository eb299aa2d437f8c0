"""CPU of a LangChain call through ChatRouter and through its peers: same upstream, same messages, same run, interleaved rounds.

    python benchmarks/langchain.py [--calls 100] [--rounds 15] [--json OUT]

`LangChain alone` is its own fake model, which does nothing: callbacks and message objects that every chat model pays.
ChatLiteLLMRouter takes part where `langchain-litellm` is installed.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measuring import Call, bench_router, run  # type: ignore[import-not-found]  # a script beside this one

os.environ.setdefault("LANGSMITH_TRACING", "false")
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
QUESTION = "Explain what this function does: def f(x): return x * 2"
ALONE = "LangChain alone"


def make_models(url: str) -> dict[str, object]:
    from langchain_core.language_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage
    from langchain_openai import ChatOpenAI

    from langchain_routerkit import ChatRouter

    def words() -> object:
        while True:
            yield AIMessage("word " * 40)

    return {
        "ChatRouter": ChatRouter(router=bench_router(url), model="pool"),
        "ChatOpenAI": ChatOpenAI(model="bench", base_url=url, api_key="sk-bench", stream_usage=True, max_retries=0),
        ALONE: GenericFakeChatModel(messages=words()),
        **peers(url),
    }


def peers(url: str) -> dict[str, object]:
    """Other routers for LangChain, where they are installed."""
    if importlib.util.find_spec("langchain_litellm") is None:
        return {}
    import litellm
    from langchain_litellm import ChatLiteLLMRouter

    entries = [
        {"model_name": "pool", "litellm_params": {"model": "openai/bench", "api_key": "sk-bench", "api_base": url}} for _ in range(3)
    ]
    return {"ChatLiteLLMRouter": ChatLiteLLMRouter(router=litellm.Router(model_list=entries, num_retries=0), model_name="pool")}


def make_calls(models: dict[str, object]) -> dict[str, Call]:
    async def stream(model: object) -> None:
        async for _ in model.astream(QUESTION):
            pass

    whole = {name: (lambda model=model: model.ainvoke(QUESTION)) for name, model in models.items()}
    streamed = {f"stream: {name}": (lambda model=model: stream(model)) for name, model in models.items() if name != ALONE}
    return {**whole, **streamed}


if __name__ == "__main__":
    run(__doc__, lambda url: make_calls(make_models(url)), base="ChatOpenAI")
