"""docs/semantic.md and docs/policy-tests.md: the commands print what the pages say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from routerkit.config import parse
from routerkit.config.policy_tests import AskSection, ExpectSection
from tests.unit.test_cli import Run, run

__all__ = ["run"]

DOCS = Path(__file__).parents[2] / "docs"
SEMANTIC, TESTS = ((DOCS / name).read_text("utf-8") for name in ("semantic.md", "policy-tests.md"))
STEP = re.compile(r"```console\n\$ routerkit ([^\n]*)\n(.*?)```", re.DOTALL)
STEPS = STEP.findall(SEMANTIC) + STEP.findall(TESTS)


def block(page: str, language: str, nth: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)[nth]


def unversioned(text: str) -> str:
    """Without the hash of the configuration, which changes with every key that is added to its schema."""
    return re.sub(r"config=\w+", "config=…", text)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "routerkit.toml").write_text(block(SEMANTIC, "toml"))
    (tmp_path / "policy-tests.toml").write_text(block(TESTS, "toml"))
    (tmp_path / "portkey.json").write_text(block(SEMANTIC, "json"))
    return tmp_path


@pytest.mark.parametrize(("command", "shown"), STEPS, ids=[command for command, _ in STEPS])
def test_command_prints_what_the_page_shows(run: Run, files: Path, command: str, shown: str) -> None:
    _, out, err = run(*shlex.split(command))
    assert (unversioned(shown), "") == (unversioned(out), err)


def test_experiment_of_the_page_can_be_read(files: Path) -> None:
    config = parse((files / "routerkit.toml").read_text() + block(TESTS, "toml", 1))
    assert "strict" in config.pools["coding"].experiment.variants


@pytest.mark.parametrize("key", [*AskSection.model_fields, *ExpectSection.model_fields])
def test_every_key_of_a_test_is_described(key: str) -> None:
    assert f"`{key}`" in TESTS
