"""Long texts are looked at no more than twice, and told apart whatever they have in common."""

from __future__ import annotations

import pytest

from routerkit.long_texts import LongTexts


def test_each_text_is_looked_at_twice_and_then_remembered() -> None:
    seen: list[str] = []
    remembered = LongTexts(lambda text: seen.append(text) or text.count("b"))
    for _ in range(5):
        assert [0, 7] == [remembered("a" * 500), remembered("b" * 7)]
    assert ["a" * 500, "b" * 7] * 2 == seen


def test_texts_of_equal_length_beginning_and_end_are_told_apart() -> None:
    remembered = LongTexts(lambda text: text.count("b"))
    texts = ["a" * 100 + letter + "a" * 100 for letter in "aabbabab"]
    assert [0, 0, 1, 1, 0, 1, 0, 1] == [remembered(text) for text in texts]


def test_no_more_is_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerkit.long_texts._MOST_PLACES", 3)
    remembered = LongTexts(len, most_chars=1_000)
    for n in (400, 400, 500, 500, 300, 300, 2_000, 2_000, 100, 100):
        assert n == remembered("x" * n)
        assert sum(len(kept[0]) for kept in remembered._kept.values() if kept) == remembered._n_chars <= 1_000
        assert len(remembered._kept) <= 3
    assert [100] == [n for (n, *_), kept in remembered._kept.items() if kept]
