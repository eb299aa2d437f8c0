"""Static types of an answer, as an extra: mypy over the files it wrote, run in the sandbox because its input is untrusted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from routerkit_evals.execution import Limits, Program
from routerkit_evals.sandbox import Sandbox

_LIMITS: Final = Limits(wall_s=180.0, cpu_s=60, memory_bytes=2 << 30)
_RUNNER: Final = "routerkit_types.py"
_SCRIPT: Final = """
import json
try:
    from mypy import api
except ImportError:
    print(json.dumps({"missing": True}))
else:
    out, err, code = api.run(OPTIONS + FILES)
    lines = [line for line in out.splitlines() if ": error: " in line and line.split(":", 1)[0] in FILES]
    print(json.dumps({"code": code, "errors": lines, "problem": err.strip()}))
"""
_OPTIONS: Final = (
    # No settings or plugins but ours: those of an answer would be run.
    "--config-file=",
    "--no-error-summary",
    "--no-color-output",
    "--hide-error-context",
    "--no-incremental",
    "--cache-dir=/dev/null",
    "--ignore-missing-imports",
    "--check-untyped-defs",
    "--explicit-package-bases",
    "--no-site-packages",
    "--python-version=3.11",
)


def type_errors(sandbox: Sandbox, files: Mapping[str, str], written: tuple[str, ...]) -> tuple[str, ...] | None:
    """What mypy says about the files an answer wrote, one line each; None where it could not look (not installed, or it broke).

    Args:
        sandbox: Where it runs; nothing of the answer is executed.
        files: The whole state after the answer, so that imports are found.
        written: Files of the answer; errors elsewhere do not count.
    """
    chosen = sorted(path for path in written if path.endswith(".py"))
    if not chosen:
        return ()
    script = f"OPTIONS = {list(_OPTIONS)!r}\nFILES = {chosen!r}\n{_SCRIPT}"
    execution = sandbox.run({**files, _RUNNER: script}, Program("script", (_RUNNER,)), _LIMITS)
    report = execution.report
    if execution.verdict_class != "ran" or report is None or not report.is_complete:
        return None
    try:
        said = json.loads(execution.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return None
    if said.get("missing") or said["code"] not in {0, 1}:
        return None
    return tuple(str(line) for line in said["errors"])
