"""What is read off a request, and that it never costs more than reading it."""

from __future__ import annotations

import json
import weakref
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit import TASK_KINDS, Request, features
from routerkit.kinds import guess_kind
from routerkit.signals import Signals


def ask(content, **more) -> Request:
    return Request("pool", ({"role": "user", "content": content},), **more)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Write unit tests for the parser", "test_write"),
        ("Please add a pytest test for empty input", "test_write"),
        ("Translate this class to Java", "translate"),
        ("Port the module from Python to Rust", "translate"),
        ("Migrate this service to Spring Boot 3", "migrate"),
        ("Upgrade the build and modernise it", "migrate"),
        ("Refactor the loop into functions", "refactor"),
        ("Fix the bug: Traceback (most recent call last)", "bug_fix"),
        ("Review this pull request", "review"),
        ("Add docstrings to every function", "document"),
        ("Explain what this COBOL paragraph does", "explain"),
        ("Outline the steps", "plan"),
        ("Implement a function that sorts by date", "synthesize"),
        ("EXPLAIN THIS", "explain"),
        ("hello there", None),
        ("", None),
        ("the latest contest", None),
    ],
)
def test_kind_is_guessed_from_the_wording(text, kind):
    """The narrow kinds win; a word inside another word is no sign."""
    assert kind == guess_kind(text)


def test_hint_wins_over_the_wording():
    """The caller knows best, and the source is stated."""
    facts = features(ask("Fix the bug", kind="review"))
    assert ("review", "hint") == (facts.kind, facts.kind_source)


@pytest.mark.parametrize(("text", "expected"), [("Fix the bug", ("bug_fix", "guess")), ("hello", (None, "unknown"))])
def test_unknown_hint_falls_back_to_the_wording(text, expected):
    """A kind we do not measure is not a kind."""
    facts = features(ask(text, kind="astrology"))
    assert expected == (facts.kind, facts.kind_source)


def test_kind_comes_from_the_last_user_message():
    """Neither the system prompt nor what tools returned says what is wanted now."""
    messages = (
        {"role": "system", "content": "You write tests."},
        {"role": "user", "content": "Explain this function"},
        {"role": "assistant", "content": "Fix the bug"},
        {"role": "tool", "tool_call_id": "1", "content": "Traceback"},
    )
    assert "explain" == features(Request("pool", messages)).kind


def test_sizes_count_messages_calls_and_tools():
    """Everything that is sent counts, and content parts count like text."""
    plain, parts = features(ask("x" * 700)), features(ask([{"type": "text", "text": "x" * 350}] * 2))
    assert (700, 176, 201) == (plain.input_chars, plain.input_tokens, plain.input_tokens_bound)
    assert plain.input_chars == parts.input_chars
    call = {"id": "1", "type": "function", "function": {"name": "search", "arguments": "y" * 994}}
    called = Request("pool", ({"role": "assistant", "content": None, "tool_calls": [call]},))
    assert 1_000 == features(called).input_chars
    tool = {"type": "function", "function": {"name": "z" * 500}}
    assert features(ask("x", tools=(tool,))).input_chars > 500


@pytest.mark.parametrize("calls", ["text", [None], [{"id": "1"}], [{"function": "f"}], [{"function": {"arguments": {"a": 1}}}], {"odd": 1}])
def test_odd_tool_calls_are_counted_not_refused(calls):
    """Other providers' shapes must not break routing."""
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    assert features(Request("pool", (message,))).input_chars >= 1


def test_bound_counts_bytes():
    """Chinese takes three bytes a character and about one token each: the bound must not be four characters a token."""
    assert features(ask("漢" * 700)).input_tokens_bound == 601
    assert features(ask("\ud800" * 7)).input_tokens_bound == 7  # a lone surrogate is somebody's broken text, not our crash


@pytest.mark.parametrize(
    ("part", "need"),
    [("image_url", "vision"), ("input_audio", "audio"), ("file", "pdf")],
)
def test_media_are_needs_and_take_room(part, need):
    """An image needs vision and counts as 1,500 tokens."""
    facts = features(ask([{"type": "text", "text": "look"}, {"type": part}, {"type": part}]))
    assert frozenset({need}) == facts.needs
    assert 3_002 == facts.input_tokens


@pytest.mark.parametrize(
    ("more", "needs"),
    [
        ({"tools": ({"type": "function"},)}, {"tools"}),
        ({"response_format": {"type": "json_schema"}}, {"json_schema"}),
        ({"response_format": {"type": "json_object"}}, {"json_mode"}),
        ({"response_format": {"type": "text"}}, set()),
        ({}, set()),
    ],
)
def test_needs_follow_from_what_is_asked_for(more, needs):
    """Tools and formats are needs; plain text is not."""
    assert frozenset(needs) == features(ask("x", **more)).needs


@pytest.mark.parametrize(("role", "is_open"), [("tool", True), ("user", False), ("assistant", False)])
def test_tool_loop_is_open_while_results_are_returned(role, is_open):
    """The last message decides."""
    assert is_open == features(Request("pool", ({"role": role, "content": "x"},))).is_tool_loop_open


contents = (
    st.none() | st.text(max_size=80) | st.lists(st.dictionaries(st.sampled_from(["type", "text", "x"]), st.text(max_size=9)), max_size=3)
)
messages = st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant", "tool"]), "content": contents})


@settings(max_examples=80, deadline=None)
@given(st.lists(messages, max_size=5))
def test_any_conversation_has_features(conversation):
    """Never raises; sizes are positive, the bound is not below the estimate's order, and the form is JSON."""
    facts = features(Request("pool", tuple(conversation)))
    assert facts.input_chars >= 0
    assert 1 <= facts.input_tokens <= facts.input_tokens_bound
    assert facts.kind is None or facts.kind in TASK_KINDS
    assert facts.to_dict() == json.loads(json.dumps(facts.to_dict(), allow_nan=False))


def test_every_fact_is_stored():
    facts = features(Request("pool", ({"role": "user", "content": "explain it"},)))
    assert {f.name for f in fields(facts)} - {"see"} | {"signals"} == set(facts.to_dict())
    assert {f.name for f in fields(Signals)} | {"difficulty"} == set(facts.to_dict()["signals"])


def test_conversation_is_let_go_of_once_it_was_read():
    """The last decisions are kept for a look, prompts are not."""

    class Kept(dict):
        """A message that can be watched."""

    message = Kept(role="user", content="Traceback (most recent call last): it fails")
    facts, watched = features(Request("pool", (message,))), weakref.ref(message)
    del message
    assert watched() is not None
    assert facts.signals.has_traceback
    assert watched() is None
    assert facts.signals.has_traceback
