"""Secrets are fetched by reference and never shown."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from routerkit.config.secrets import Secret, is_secret_name, resolve, scrub
from routerkit.errors import ConfigError

KEY = "sk-test-canary0123456789abcdef"


@pytest.mark.parametrize("shown", [str(Secret(KEY)), repr(Secret(KEY)), f"{Secret(KEY):>40}", f"{[Secret(KEY)]}"])
def test_secret_shows_only_stars(shown: str) -> None:
    assert "***" in shown
    assert KEY not in shown


@pytest.mark.parametrize("leave", [pickle.dumps, copy.deepcopy])
def test_secret_cannot_be_carried_away(leave: object) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        leave(Secret(KEY))  # type: ignore[operator]


def test_environment_reference_reads_that_variable() -> None:
    assert resolve("env:MY_KEY", Path(), {"MY_KEY": f" {KEY}\n"}).reveal() == KEY


def test_file_reference_is_relative_to_the_configuration_and_stripped(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    assert resolve("file:key", tmp_path).reveal() == KEY


def test_byte_order_mark_is_no_part_of_a_key(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    (tmp_path / "key").write_bytes(b"\xef\xbb\xbfsk-from-file\r\n")
    assert "sk-from-file" == resolve("file:key", tmp_path).reveal()


def test_unset_variable_is_named() -> None:
    with pytest.raises(ConfigError, match="environment variable MY_KEY is not set; export MY_KEY="):
        resolve("env:MY_KEY", Path(), {})


@pytest.mark.parametrize("value", ["", "  \n"])
def test_empty_variable_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="env:MY_KEY: is empty"):
        resolve("env:MY_KEY", Path(), {"MY_KEY": value})


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"file:nokey: cannot read .*nokey"):
        resolve("file:nokey", tmp_path)


@pytest.mark.parametrize(("content", "why"), [(b"\xff\xfe", "not UTF-8"), (b"a\r\nX-Evil: 1", "line break"), (b"k" * 70_000, "KiB")])
def test_file_that_is_no_key_is_refused_without_showing_it(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(ConfigError, match=why) as caught:
        resolve("file:key", tmp_path)
    assert "X-Evil" not in str(caught.value)
    assert "kkkk" not in str(caught.value)


@pytest.mark.parametrize("literal", [KEY, "env:", "env:MY KEY", "file:", ""])
def test_anything_but_a_reference_is_refused_without_showing_it(literal: str) -> None:
    with pytest.raises(ConfigError, match="literal secrets are refused") as caught:
        resolve(literal, Path(), {})
    assert KEY not in str(caught.value)


def test_scrub_hides_given_secrets_and_known_shapes_on_one_line() -> None:
    assert scrub(f"no {KEY}\nand hunter2, Bearer abcdefghij", (Secret("hunter2"),)) == "no *** and ***, ***"


@pytest.mark.parametrize("name", ["api_key", "x-api-key", "Authorization", "token", "aws_secret", "Cookie", "password"])
def test_secret_names_are_recognised(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["max_tokens", "max_tokens_field", "context_tokens", "monkey", "base_url", "keyboard"])
def test_other_names_are_not_secret(name: str) -> None:
    assert not is_secret_name(name)
