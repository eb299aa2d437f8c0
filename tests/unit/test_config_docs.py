"""docs/config.md names every key, and its examples run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from routerkit.catalog import CAPABILITIES
from routerkit.config import routing, schema
from routerkit.messages import TASK_KINDS
from routerkit.policy import POLICY_KINDS
from routerkit.router import Router

PAGE = (Path(__file__).parents[2] / "docs" / "config.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def keys() -> Iterator[str]:
    for section in (*vars(schema).values(), *vars(routing).values()):
        if isinstance(section, type) and issubclass(section, schema.Section) and section is not schema.Section:
            yield from section.model_fields


@pytest.mark.parametrize("word", sorted({*keys(), *CAPABILITIES, *TASK_KINDS, *POLICY_KINDS, *schema.PROVIDER_KINDS}))
def test_every_key_and_word_is_described(word: str) -> None:
    assert re.search(rf"[`\[\"]{word}\b", PAGE)


def test_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (whole,) = blocks("toml")
    (tmp_path / "routerkit.toml").write_text(whole)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "anthropic").write_text("not-a-real-key")
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-real-key")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Router] = {}
    for block in blocks("python"):
        exec(compile(block, "docs/config.md", "exec"), names)
        names["router"].close()
    assert "tiny\n" == capsys.readouterr().out
