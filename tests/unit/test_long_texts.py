"""Long texts are looked at once, and told apart whatever they have in common."""

from __future__ import annotations

from routerkit.long_texts import LongTexts


def test_each_text_is_looked_at_once() -> None:
    seen: list[str] = []
    remembered = LongTexts(lambda text: seen.append(text) or text.count("b"))
    for _ in range(3):
        assert [0, 7] == [remembered("a" * 500), remembered("b" * 7)]
    assert ["a" * 500, "b" * 7] == seen


def test_texts_of_equal_length_beginning_and_end_are_told_apart() -> None:
    remembered = LongTexts(lambda text: text.count("b"))
    texts = ["a" * 100 + letter + "a" * 100 for letter in "abab"]
    assert [0, 1, 0, 1] == [remembered(text) for text in texts]


def test_no_more_is_kept_than_there_is_room_for() -> None:
    remembered = LongTexts(len, most_chars=1_000)
    for n in (400, 500, 600, 2_000, 100):
        assert n == remembered("x" * n)
        assert sum(map(len, (text for text, _ in remembered._kept.values()))) <= 1_000
    assert [600, 100] == [n for n, *_ in remembered._kept]
