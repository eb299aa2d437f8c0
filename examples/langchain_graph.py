"""A LangGraph conversation with a checkpointer on a routerkit pool; it is stopped and resumed from the checkpoint.

python examples/langchain_graph.py                     # a local model, after `routerkit local pull smollm2`
python examples/langchain_graph.py --config FILE.toml  # any configuration
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from langchain_routerkit import ChatRouter

LOCAL = """
[providers.local]
kind = "local"
[targets.smollm2]
provider = "local"
model = "smollm2"
context_tokens = 2048
[pools.coding]
targets = ["smollm2"]
policy = "cheapest"
"""
THREAD: Any = {"configurable": {"thread_id": "conversation-1"}}


def graph_over(model: ChatRouter) -> Any:
    def answer(state: MessagesState) -> dict[str, Any]:
        return {"messages": [model.invoke(state["messages"], kind="explain")]}

    return StateGraph(MessagesState).add_node("answer", answer).add_edge(START, "answer").compile(checkpointer=InMemorySaver())


def ask(graph: Any, question: str) -> None:
    print(f"\nuser: {question}\nmodel: ", end="")
    for piece, _ in graph.stream({"messages": [("user", question)]}, THREAD, stream_mode="messages"):
        print(piece.text, end="", flush=True)
    facts = graph.get_state(THREAD).values["messages"][-1].response_metadata["routerkit"]
    print(f"\n  by {facts['target']}, {facts['attempts']} attempt(s), cost {facts['cost_usd']}: {facts['reason']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", help="configuration file; left out: one local model")
    parser.add_argument("--model", default="coding", help="pool, or pool/target")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "routerkit.toml"
        local.write_text(LOCAL)
        model = ChatRouter(config=args.config or local, model=args.model, max_tokens=80)
        with model.router:
            graph = graph_over(model)
            ask(graph, "What does Python's zip() do? One sentence.")
            ask(graph, "And what happens if the lists differ in length?")


if __name__ == "__main__":
    main()
