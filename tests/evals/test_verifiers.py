"""Checks that run code: only in the sandbox, and never on an exit code alone."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from routerkit import Reply, Request
from routerkit.verifier import Verdict
from routerkit_evals import Sandbox
from routerkit_evals.verifiers import SandboxTests, SandboxTypes

ASKED = Request("pool", ({"role": "user", "content": "mend it"},))


@pytest.fixture
def project(tmp_path: Path, sandbox: Sandbox) -> Path:
    """A function, a test of it, and a sandbox to run them in."""
    (tmp_path / "shop.py").write_text("def total(items):\n    return 0\n")
    (tmp_path / "test_shop.py").write_text("from shop import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n")
    return tmp_path


def check(project: Path, answer: str, **more: object) -> Verdict:
    with closing(SandboxTests(base=project, editable=["shop.py"], command="pytest test_shop.py", **more)) as tests:  # type: ignore[arg-type]
        return tests.verify(ASKED, Reply(answer))


def test_answer_that_passes_the_projects_tests_is_accepted(project: Path) -> None:
    assert Verdict(True) == check(project, "```python\ndef total(items):\n    return sum(items)\n```")


def test_failing_test_is_the_evidence(project: Path) -> None:
    verdict = check(project, "```python\ndef total(items):\n    return 1\n```")
    assert verdict.accepted is False
    assert "test_total" in verdict.evidence
    assert "assert 1 == 3" in verdict.evidence


@pytest.mark.parametrize(
    "answer",
    [
        "```python\nimport os\nos._exit(0)\n```",
        "```python test_shop.py\ndef test_total():\n    pass\n```\n```python shop.py\ndef total(items):\n    return 1\n```",
        "I would rather not.",
    ],
)
def test_answer_cannot_pass_by_leaving_by_bringing_tests_or_by_silence(project: Path, answer: str) -> None:
    assert check(project, answer).accepted is False


def test_endless_answer_is_ended(project: Path) -> None:
    verdict = check(project, "```python\nwhile True:\n    pass\n```", timeout_s=1.0)
    assert (False, "the tests did not end within 1 s") == (verdict.accepted, verdict.evidence)


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"command": "make test"}, "write 'pytest ARGUMENTS' or 'python FILE'"),
        ({"editable": []}, "editable is empty"),
        ({"folder": "nowhere"}, "does not exist"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, settings: dict[str, object], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        SandboxTests(**{"base": tmp_path, "editable": ["a.py"], "command": "pytest", **settings})  # type: ignore[arg-type]


@pytest.mark.slow
def test_types_are_looked_at_without_running_the_answer(tmp_path: Path, sandbox: Sandbox) -> None:
    with closing(SandboxTypes(base=tmp_path)) as types:
        assert types.verify(ASKED, Reply("```python\ndef f(x: int) -> int:\n    return x\n```")).accepted
        verdict = types.verify(ASKED, Reply('```python\ndef f(x: int) -> int:\n    return "a"\n```'))
        assert verdict.accepted is False
        assert "Incompatible return value type" in verdict.evidence
