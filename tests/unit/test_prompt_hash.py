"""The hash of a prompt does not depend on what was hashed before."""

from __future__ import annotations

import copy
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit.known import KnownMessage, KnownMessages
from routerkit.prompt_hash import PromptHashes, prompt_sha256

TEXTS = st.sampled_from(["", "a", "ü😀", '"\\\n', "\ud800", "x" * 100])
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CONTENTS = st.one_of(TEXTS, st.none(), st.just([{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]))
TEXT_MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant"]), "content": CONTENTS}, optional={"tool_calls": st.just([CALL]), "name": TEXTS}
)
ODD_MESSAGES = st.sampled_from([{"role": "user", "content": [{"n": value}]} for value in (0, 1, True, False, 1.0, 1e400)] + [{}])
MESSAGES = st.one_of(TEXT_MESSAGES, TEXT_MESSAGES, TEXT_MESSAGES, ODD_MESSAGES)


@given(steps=st.lists(st.tuples(st.integers(0, 4), st.lists(MESSAGES, max_size=3)), min_size=1, max_size=12), are_known=st.booleans())
@settings(max_examples=100, deadline=None)
def test_hash_is_the_same_whatever_was_hashed_before(steps: list[tuple[int, list[Any]]], *, are_known: bool) -> None:
    """Conversations that go on, or go back and on in another way."""
    hashes, messages = PromptHashes(2_000), cast("Any", ())
    for n_kept, new in steps:
        kept = messages[:n_kept]
        messages = KnownMessages([*kept, *map(KnownMessage, new)]) if are_known else copy.deepcopy((*kept, *new))
        assert [prompt_sha256(messages)] * 2 == [hashes.of(messages), hashes.of(messages)]
        assert sum(kept.n_bytes for kept in hashes._kept.values()) == hashes._n_bytes <= 2_000


def test_what_is_changed_after_its_call_is_hashed_anew() -> None:
    hashes, message = PromptHashes(), {"role": "user", "content": "a" * 100}
    before = [hashes.of((message,)) for _ in range(2)][-1]
    message["content"] += "b"
    assert before != hashes.of((message,)) == prompt_sha256((message,))


def test_conversation_that_was_not_asked_for_longest_is_forgotten() -> None:
    hashes, talks = PromptHashes(250), [({"role": "user", "content": letter * 70},) for letter in "abc"]
    for talk in (*talks, talks[0], talks[1], talks[0], talks[2]):
        hashes.of(talk)
    assert ["a", "c"] == [str(kept.messages[0]["content"])[0] for kept in hashes._kept.values()]


def test_conversation_that_came_once_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerkit.prompt_hash._MOST_OPENINGS", 3)
    hashes = PromptHashes()
    for letter in "abcde":
        hashes.of(({"role": "user", "content": letter * 70},))
        assert hashes._n_bytes == 0
        assert len(hashes._kept) <= 3
