"""Writes a stand-in for the package xllamacpp, so that the server process of local models runs without one: it serves the strict server.

What it was asked for is written next to the model file, and the file's name can ask for trouble.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

MODULE = """
import json
import os
import sys
import types
from pathlib import Path

sys.path.insert(0, {root!r})
from tests.servers import rules
from tests.servers.strict_openai import StrictOpenAI


class CommonParams:
    def __init__(self):
        self.model = types.SimpleNamespace()
        self.cpuparams, self.cpuparams_batch = types.SimpleNamespace(), types.SimpleNamespace()


class Server:
    def __init__(self, params):
        path = Path(params.model.path)
        print("llama.cpp prints what it likes", flush=True)
        if "broken" in path.name:
            raise RuntimeError("cannot load tensor 7")
        if "slow" in path.name:
            sys.stdin.readline()
        facts = {{name: value for name, value in vars(params).items() if isinstance(value, (int, str, list))}}
        facts["threads"], facts["pid"] = params.cpuparams.n_threads, os.getpid()
        with path.with_suffix(".log").open("a") as log:
            log.write(json.dumps(facts) + "\\n")
        if hasattr(params, "chat_template"):
            rules._numbers = lambda body: iter(())  # unlike OpenAI, llama.cpp takes any number of stops
        self.server = StrictOpenAI(api_key=params.api_keys[0]).start()
        self.listening_address = self.server.base_url.removesuffix("/v1")
"""


def write_fake_llama(folder: Path) -> None:
    """Put the stand-in into a folder for PYTHONPATH."""
    (folder / "xllamacpp.py").write_text(MODULE.format(root=str(ROOT)))
