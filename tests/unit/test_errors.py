"""The error tree: what is caught by what, and what each code asks for."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest

from routerkit import ProviderError, RouterKitError, UnknownModelError, errors
from routerkit.errors import ErrorCode

OURS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, Exception)]


@pytest.mark.parametrize("kind", OURS)
def test_every_error_is_ours_and_named_so(kind):
    """One `except RouterKitError` catches everything we raise on purpose."""
    assert issubclass(kind, RouterKitError)
    assert kind.__name__.endswith("Error")


@pytest.mark.parametrize("kind", OURS)
def test_tree_in_the_docstring_is_complete(kind):
    """The module says what exists."""
    assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("rate_limit", "rate_limit"),
        *((c, "auth") for c in ("auth", "quota", "not_found")),
        *((c, "invalid") for c in ("context_length", "content_filter", "invalid_request")),
        *(
            (c, "transient")
            for c in ("overloaded", "server", "connect", "disconnected", "timeout", "truncated", "malformed", "empty_answer")
        ),
    ],
)
def test_code_decides_what_to_do(code, kind):
    """One place turns a cause into an action."""
    assert kind == ProviderError("x", code=code).kind


def test_every_code_has_an_action():
    """No code falls between the kinds."""
    assert {"rate_limit", "auth", "invalid", "transient"} == {ProviderError("x", code=code).kind for code in get_args(ErrorCode)}


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("codng", "no pool or target named 'codng'; did you mean 'coding'?"),
        ("zzz", "no pool or target named 'zzz'; known: chat, coding"),
        ("", "no pool or target named ''; known: chat, coding"),
    ],
)
def test_unknown_model_says_what_is_known(asked, text):
    """The nearest name if one is near, else all of them."""
    assert text == str(UnknownModelError(asked, ["coding", "chat"]))


def test_unknown_model_is_the_callers_fault():
    """It is never retried and never failed over."""
    assert ("invalid", "not_found") == ((e := UnknownModelError("x", [])).kind, e.code)
    assert "known: none" in str(e)
