"""A LlamaIndex FunctionAgent that reads files with a tool, on a routerkit pool.

    python examples/llamaindex_function_agent.py                     # a local model, after `routerkit local pull smollm2`
    python examples/llamaindex_function_agent.py --config FILE.toml  # any configuration

The local model is small: it answers, but it seldom calls the tool. Any larger one does.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from llama_index.core.agent.workflow import AgentOutput, AgentStream, FunctionAgent, ToolCallResult

from llama_index.llms.routerkit import RouterLLM

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

FILES = {"tax.py": "def tax(net):\n    return round(net * 0.19, 2)\n"}


def read_file(name: str) -> str:
    """Source code of a file."""
    return FILES.get(name, f"no file {name!r}; known: {', '.join(FILES)}")


async def run(llm: RouterLLM, question: str) -> None:
    agent = FunctionAgent(tools=[read_file], llm=llm, system_prompt="Answer questions about code. Read a file before you speak about it.")
    handler = agent.run(user_msg=question)
    print(f"question: {question}")
    async for event in handler.stream_events():
        if isinstance(event, AgentStream):
            print(event.delta, end="", flush=True)
        elif isinstance(event, ToolCallResult):
            print(f"[{event.tool_name}({event.tool_kwargs}) -> {len(str(event.tool_output)):,} characters]")
    result: AgentOutput = await handler
    facts = result.response.additional_kwargs["routerkit"]
    print(f"\n\nlast turn by {facts['target']}, {facts['attempts']} attempt(s): {facts['reason']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", help="configuration file; left out: one local model")
    parser.add_argument("--model", default="coding", help="pool, or pool/target")
    parser.add_argument("--question", default="Use read_file on 'tax.py' and say which rate it applies.")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        local = Path(folder) / "routerkit.toml"
        local.write_text(LOCAL)
        llm = RouterLLM(config=args.config or local, model=args.model, agent="reader", max_tokens=120)
        with llm.router:
            asyncio.run(run(llm, args.question))


if __name__ == "__main__":
    main()
