"""The agent of `examples/langchain_before.py` on a routerkit pool: one line differs, and the import.

routerkit init && python examples/langchain_after.py             # or ROUTERKIT_CONFIG=FILE.toml
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from langchain.agents import create_agent
from langchain_core.tools import tool

from langchain_routerkit import ChatRouter

LEGACY = 'def greet(name):\n    return "Hello, %s! You are %d." % (name, len(name))\n'
TASK = "Read the file 'greet.py' with read_file, then save it with write_file, rewritten to f-strings and type hints."
model = ChatRouter(temperature=0)


def modernize(folder: Path) -> None:
    @tool
    def read_file(name: str) -> str:
        """Source code of a file."""
        return (folder / Path(name).name).read_text()

    @tool
    def write_file(name: str, source: str) -> str:
        """Save source code, if it compiles."""
        compile(source, name, "exec")
        (folder / Path(name).name).write_text(source)
        return f"saved {len(source)} characters"

    agent = create_agent(model, [read_file, write_file], system_prompt="You modernize Python code. Change style, never behaviour.")
    for step in agent.stream({"messages": [("user", TASK)]}, stream_mode="values"):
        step["messages"][-1].pretty_print()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        (Path(made) / "greet.py").write_text(LEGACY)
        modernize(Path(made))
        print("\n" + (Path(made) / "greet.py").read_text())
