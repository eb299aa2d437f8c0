"""The child process of a local model: loads a GGUF file and serves it on loopback until its parent goes away.

`python -m routerkit.providers.local_server` reads one line of JSON settings from standard input, writes one line with its URL to
standard output, and ends as soon as standard input closes, which the operating system does however the parent dies.
"""

from __future__ import annotations

import json
import os
import sys
import threading

_ERRORS_ONLY = 1
_VERBATIM = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
"""Template that turns a chat endpoint into a completion endpoint, for models that cannot chat."""


def main() -> None:
    """Serve until standard input closes."""
    settings = json.loads(sys.stdin.readline())
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # llama.cpp writes to standard output as it pleases
    threading.Thread(target=_end_with_parent, daemon=True).start()
    server = _server(settings)
    out.write(json.dumps({"url": server.listening_address}) + "\n")
    out.flush()
    threading.Event().wait()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)  # nothing to save, and llama.cpp may be in the middle of a token


def _server(settings: dict[str, object]):  # type: ignore[no-untyped-def]
    import xllamacpp  # 100 MB of native code, wanted only in this process

    params = xllamacpp.CommonParams()  # pyright: ignore[reportAttributeAccessIssue]  defined in native code, unseen by pyright
    params.model.path = settings["path"]
    params.n_ctx = settings["context_tokens"]
    params.n_parallel = settings["n_parallel"]
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = settings["n_threads"]
        cpu.poll = 0  # waiting threads that spin make answers ten times slower on a busy machine
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [settings["key"]]  # other users of this machine have no business here
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = _ERRORS_ONLY
    if settings["is_base"]:
        params.chat_template = _VERBATIM
        params.force_pure_content_parser = True
    return xllamacpp.Server(params)  # pyright: ignore[reportAttributeAccessIssue]  likewise


if __name__ == "__main__":
    main()
