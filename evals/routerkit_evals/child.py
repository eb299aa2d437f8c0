"""Runs inside the sandbox, in the process of one run: executes the program and reports what its tests said. Standard library only.

The report is written when the tests have come to their end, by the process that was started, with functions looked up before any foreign
code was imported. Ending the process early, printing a closing line or registering exit hooks therefore never makes a pass. What remains
possible in one process is code written against this very file: see docs/evals.md, "What grading cannot see".
"""

# pathlib costs time in every run.
# ruff: noqa: PTH118, PTH120, PTH123

from __future__ import annotations

import contextlib
import json
import os
import sys
import traceback
import types

_ERROR_CHARS = 500


def run(program: dict[str, object], folder: str, report: int) -> None:
    """Execute a program and end the process; never returns."""
    write, dumps, end, getpid = os.write, json.dumps, os._exit, os.getpid
    pid = getpid()
    _prepare(folder, str(program.get("pythonpath") or ""))
    result = _pytest(program) if program["kind"] == "pytest" else _script(program)
    for stream in (sys.stdout, sys.stderr):
        # Foreign code may have replaced or closed the stream; the report stands.
        with contextlib.suppress(Exception):
            stream.flush()
    # A copy of this process made by the answer gets here as well; only the original speaks.
    if getpid() == pid:
        write(report, dumps(result).encode())
    end(0)


def _prepare(folder: str, pythonpath: str) -> None:
    os.environ.clear()
    paths = [folder] + ([os.path.join(folder, pythonpath)] if pythonpath not in {"", "."} else [])
    os.environ.update(
        PATH=os.path.dirname(sys.executable) + ":/usr/bin:/bin",
        HOME=folder,
        LANG="C.UTF-8",
        TZ="UTC",
        USER="nobody",
        PYTHONPATH=":".join(paths),
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONHASHSEED="0",
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
    )
    sys.path[:] = paths + [path for path in sys.path if path != os.path.dirname(__file__)]
    sys.dont_write_bytecode = True
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  lives as long as the process
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False, buffering=1)  # noqa: SIM115


def _script(program: dict[str, object]) -> dict[str, object]:
    """Execute source files one after the other in one namespace, as one module."""
    paths, name = program["paths"], str(program["name"])
    assert isinstance(paths, list)
    module = types.ModuleType(name)
    sys.modules[name] = module
    sys.argv = [paths[-1]]
    try:
        for path in paths:
            with open(path, encoding="utf-8") as source:
                code = compile(source.read(), path, "exec")
            module.__file__ = path
            exec(code, module.__dict__)  # noqa: S102  running the program is what this process is for
    except SystemExit as exc:
        if not _is_clean_exit(exc, program):
            return {"is_complete": False, "error": f"the program exited with {exc.code!r} before its end", "passed": [], "failed": ["end"]}
    except BaseException as exc:  # noqa: BLE001  whatever a program raises is its result
        return _failure(exc)
    return {"is_complete": True, "passed": ["end"], "failed": []}


def _is_clean_exit(exc: SystemExit, program: dict[str, object]) -> bool:
    """Whether tests ended themselves with success, as unittest.main does; an answer that exits is none."""
    untrusted, trace = program["untrusted"], exc.__traceback__
    assert isinstance(untrusted, list)
    answer = {os.path.realpath(path) for path in untrusted}
    while trace is not None:
        if os.path.realpath(trace.tb_frame.f_code.co_filename) in answer:
            return False
        trace = trace.tb_next
    return exc.code in {None, 0}


def _failure(exc: BaseException) -> dict[str, object]:
    try:
        traceback.print_exception(exc)
        text = "".join(traceback.format_exception_only(exc)).strip()
    except BaseException:  # noqa: BLE001  an exception's own __str__ is foreign code too
        text = type(exc).__name__
    return {"is_complete": False, "error": text[-_ERROR_CHARS:], "passed": [], "failed": ["end"]}


class _Collector:
    """pytest plugin that notes how each test ended."""

    def __init__(self) -> None:
        self.passed: list[str] = []
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: object) -> None:
        outcome, when = getattr(report, "outcome", ""), getattr(report, "when", "")
        if outcome == "failed":
            self.failed.append(str(getattr(report, "nodeid", "")))
        elif when == "call" and outcome == "passed":
            self.passed.append(str(getattr(report, "nodeid", "")))

    def pytest_collectreport(self, report: object) -> None:
        if getattr(report, "outcome", "") == "failed":
            self.failed.append(str(getattr(report, "nodeid", "")))


def _pytest(program: dict[str, object]) -> dict[str, object]:
    arguments = program["paths"]
    assert isinstance(arguments, list)
    collector = _Collector()
    try:
        import pytest  # here, because most runs do without it

        code = int(pytest.main(["-p", "no:cacheprovider", *arguments], plugins=[collector]))
    except BaseException as exc:  # noqa: BLE001
        return _failure(exc)
    failed = [test for test in collector.failed if test not in collector.passed] or collector.failed
    return {"is_complete": code in {0, 1}, "passed": sorted(set(collector.passed) - set(collector.failed)), "failed": failed}
