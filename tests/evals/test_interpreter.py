"""Tests run on the interpreter of the project they belong to."""

from __future__ import annotations

import venv
from dataclasses import replace
from pathlib import Path

import pytest

from routerkit_evals import EvalError, Program, open_sandbox
from routerkit_evals.baselines import proof_id
from routerkit_evals.interpreter import find_interpreter
from tests.evals.making import make_task


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A virtual environment with one module that only it has; that pytest is there is only claimed."""
    folder = tmp_path / "env"
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "only_here.py").write_text("colour = 'teal'\n")
    claim = packages / "pytest-9.0.dist-info"
    claim.mkdir()
    (claim / "METADATA").write_text("Metadata-Version: 2.1\nName: pytest\nVersion: 9.0\n")
    (claim / "entry_points.txt").write_text("[pytest11]\nasyncio = pytest_asyncio\n")
    return folder


def test_sandbox_sees_the_packages_of_the_named_environment(environment: Path) -> None:
    with open_sandbox(interpreter=find_interpreter(environment)) as sandbox:
        execution = sandbox.run({"probe.py": "import only_here; print(only_here.colour)"}, Program("script", ("probe.py",)))
    assert "teal\n" == execution.stdout


def test_environment_may_be_named_by_its_program_and_tells_its_pytest_plugins(environment: Path) -> None:
    assert (("asyncio", "pytest"),) == find_interpreter(environment / "bin" / "python").plugins


def test_environment_without_pytest_is_refused_with_the_remedy(environment: Path) -> None:
    next(environment.glob("lib/python*/site-packages/pytest-9.0.dist-info/METADATA")).unlink()
    with pytest.raises(EvalError, match="has no pytest; install it there"):
        find_interpreter(environment)


def test_what_is_no_python_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EvalError, match=f"--python {tmp_path}: that is not a Python we can run"):
        find_interpreter(tmp_path)


def test_proof_made_on_one_interpreter_says_nothing_about_another() -> None:
    task = replace(make_task("add"), reference={"solution.py": "x"})
    assert 2 == len({proof_id(task), proof_id(task, "/env/bin/python")})
