"""How much a request sounds like example phrases: soft TF-IDF over words, compiled once, pure arithmetic at decision time.

Words count by how few groups of phrases use them; words that are spelt alike ("migrate", "migration", a typo) count as nearly the same.
It compares words, not meanings: a synonym that no example uses is not recognised.

Source: Cohen, Ravikumar and Fienberg, A Comparison of String Distance Metrics for Name-Matching Tasks, IIWeb 2003 (SoftTFIDF), with the
Dice coefficient of letter trigrams as the inner measure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

_MIN_WORD_LIKENESS: Final = 0.6
"""Words less alike than this are different words ("test" and "tests" have 0.67, "migrate" and "migration" 0.63)."""
_HEAD_CHARS: Final = 600
_TAIL_CHARS: Final = 300
"""Of a long text only its start and its end are read: that is where an instruction stands, between them lies code."""
_MIN_WORDS: Final = 2
"""A sentence counts as at least this many words before a longer phrase, else "here is code" would sound like every phrase with "code".
Not in the source."""
_CACHED_WORDS: Final = 4_096
_FILLER_WEIGHT: Final = 0.15
"""Share of its weight that a word without meaning of its own keeps."""
_FILLER_TEXT: Final = (
    "a an the this that these those it its i me my we us our you your he she they them is are was be been do does did can could would "
    "should will may might must have has had of to in on at for from by with as and or but not no so if then please just some any all "
    "there here into about hi hello thanks now"
)
_FILLERS: Final = frozenset(_FILLER_TEXT.split())
_WORD: Final = re.compile(r"\w+(?:\+\+|#)?")
_CODE: Final = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_END_OF_SENTENCE: Final = re.compile(r"[.!?;:](?=\s|$)|\n")


class Likeness(NamedTuple):
    """How much a text sounds like one group of phrases."""

    score: float
    """0 nothing in common … 1 the same words."""
    phrase: str
    """The phrase it sounds most like; empty when it has nothing in common with any."""


class _Word(NamedTuple):
    weight: float
    known: tuple[tuple[int, float], ...]
    """Known words that it is, or is spelt like, each with the likeness."""


class Phrases:
    """Groups of example phrases, ready to be compared with. Immutable, safe to share between threads."""

    def __init__(self, groups: Sequence[Sequence[str]]) -> None:
        self._phrases = tuple((group, text) for group, texts in enumerate(groups) for text in texts)
        self._n_groups = len(groups)
        self._n_with = _count_groups(groups)
        self._places = {word: i for i, word in enumerate(self._n_with)}
        self._grams = tuple(_trigrams(word) for word in self._n_with)
        self._norms: list[float] = []
        self._uses: tuple[list[tuple[int, float]], ...] = tuple([] for _ in self._n_with)
        for i, (_, text) in enumerate(self._phrases):
            self._note(i, words(text))
        # A cache of this object's own: prompts repeat their words, and comparing a new word with all known ones takes 10 µs and more.
        self._word = lru_cache(_CACHED_WORDS)(self._look_up)

    def likeness(self, text: str) -> tuple[Likeness, ...]:
        """How much the most similar sentence of a text sounds like each group, in the order of the groups."""
        best = [Likeness(0.0, "")] * self._n_groups
        for sentence in _sentences(text):
            for i, score in self._compare(sentence).items():
                group, phrase = self._phrases[i]
                if score > best[group].score:
                    best[group] = Likeness(min(score, 1.0), phrase)
        return tuple(best)

    def _note(self, phrase: int, its_words: Sequence[str]) -> None:
        weights = {word: self._weight(word) for word in its_words}
        norm = math.hypot(*weights.values())
        self._norms.append(norm)
        for word, weight in weights.items():
            self._uses[self._places[word]].append((phrase, weight / norm))

    def _compare(self, sentence: Sequence[str]) -> Mapping[int, float]:
        """Soft cosine between a sentence and every phrase it shares a word with."""
        closest: dict[int, tuple[float, float]] = {}
        square = heaviest = 0.0
        for word in sentence:
            weight, known = self._word(word)
            square += weight * weight
            heaviest = max(heaviest, weight)
            for place, alike in known:
                if place not in closest or alike > closest[place][0]:
                    closest[place] = (alike, weight)
        scores: dict[int, float] = {}
        for place, (alike, weight) in closest.items():
            for phrase, share in self._uses[place]:
                scores[phrase] = scores.get(phrase, 0.0) + share * weight * alike
        if not closest:
            return {}
        norm, least = math.sqrt(square), math.sqrt(_MIN_WORDS) * heaviest
        return {phrase: score / max(norm, min(least, self._norms[phrase])) for phrase, score in scores.items()}

    def _look_up(self, word: str) -> _Word:
        if word in self._places:
            return _Word(self._weight(word), ((self._places[word], 1.0),))
        grams = _trigrams(word)
        alike = [(place, 2 * len(grams & own) / (len(grams) + len(own))) for place, own in enumerate(self._grams)]
        return _Word(self._weight(word), tuple((place, share) for place, share in alike if share >= _MIN_WORD_LIKENESS))

    def _weight(self, word: str) -> float:
        weight = math.log1p(self._n_groups / self._n_with.get(word, 1))
        return weight * _FILLER_WEIGHT if word in _FILLERS else weight


def words(text: str) -> tuple[str, ...]:
    """Different words of a text in lower case, in order."""
    return tuple(dict.fromkeys(_WORD.findall(text.lower())))


def _count_groups(groups: Sequence[Sequence[str]]) -> dict[str, int]:
    """Word → groups that use it."""
    counts: dict[str, int] = {}
    for texts in groups:
        for word in dict.fromkeys(word for text in texts for word in words(text)):
            counts[word] = counts.get(word, 0) + 1
    return counts


def _sentences(text: str) -> Iterator[tuple[str, ...]]:
    if len(text) > _HEAD_CHARS + _TAIL_CHARS:
        text = f"{text[:_HEAD_CHARS]}\n{text[-_TAIL_CHARS:]}"
    prose = _CODE.sub("\n", text) if "```" in text else text
    for sentence in dict.fromkeys(_END_OF_SENTENCE.split(prose)):  # lines of code repeat
        if found := words(sentence):
            yield found


def _trigrams(word: str) -> frozenset[str]:
    padded = f"^{word}$"
    return frozenset(padded[i : i + 3] for i in range(len(padded) - 2))
