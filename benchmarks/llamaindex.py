"""CPU that LlamaIndex's face adds to a routed call: same upstream, same router, same run, interleaved rounds.

    python benchmarks/llamaindex.py [--calls 100] [--rounds 15] [--json OUT]

`LlamaIndex alone` is its MockLLM: spans, events and response objects without any call, which every LLM class pays.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from measuring import STREAM, Call, bench_router, run  # type: ignore[import-not-found]  # a script beside this one
from upstream import N_CHUNKS

QUESTION = "Explain what this function does: def f(x): return x * 2"
ENGINE = "Router alone"


def make_calls(url: str) -> dict[str, Call]:
    from llama_index.core.llms import ChatMessage, MockLLM

    from llama_index.llms.routerkit import RouterLLM
    from routerkit import Request

    router = bench_router(url)
    request = Request("pool", ({"role": "user", "content": QUESTION},))
    messages, llm, mock = [ChatMessage(QUESTION, role="user")], RouterLLM(router=router, model="pool"), MockLLM(max_tokens=N_CHUNKS)

    async def engine_stream() -> None:
        async for _ in router.astream(request):
            pass

    async def llm_stream() -> None:
        async for _ in await llm.astream_chat(messages):
            pass

    async def mock_stream() -> None:
        async for _ in await mock.astream_chat([ChatMessage("word " * N_CHUNKS, role="user")]):
            pass

    return {
        ENGINE: lambda: router.acomplete(request),
        "RouterLLM.achat": lambda: llm.achat(messages),
        "LlamaIndex alone: MockLLM.achat": lambda: mock.achat(messages),
        STREAM + ENGINE: engine_stream,
        "stream: RouterLLM.astream_chat": llm_stream,
        "stream: MockLLM.astream_chat": mock_stream,
    }


if __name__ == "__main__":
    run(__doc__, make_calls, base=ENGINE)
