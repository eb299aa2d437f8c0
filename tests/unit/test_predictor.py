"""The per-request predictor: what it says, when it is silent, and which files it refuses."""

from __future__ import annotations

import json
import math
from array import array
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit import ConfigError
from routerkit.lengths import Lengths
from routerkit.predictor import N_SLOTS, SCHEMA, Gate, Predictor, _digest, load_predictor, slot_counts, word_vector

KIND = "bug_fix"
LENGTHS = Lengths({KIND: math.log(100)}, {"mini": -0.2, "large": 0.0})
FLAT = array("f", [1.0]) * N_SLOTS
GATE = Gate(frozenset({KIND}), n_labels=400, gain=0.02, gain_low=0.01, scale=1.0, reach=0.1, is_open=True)


def head(**weights: float) -> array[float]:
    values = array("f", [0.0]) * N_SLOTS
    for word, weight in weights.items():
        (slot,) = slot_counts(word)
        values[slot] = weight
    return values


def predictor(gate: Gate = GATE) -> Predictor:
    heads = {"mini": head(deadlock=-2.0), "large": head(deadlock=0.5)}
    return Predictor(heads, FLAT, (word_vector("fix the deadlock in the pool", FLAT),), (gate,), LENGTHS, {"items": "400"})


def test_word_of_a_hard_request_lowers_the_small_target_and_raises_the_large_one() -> None:
    correction = predictor().correction("fix the deadlock", KIND)
    assert correction.by_target["mini"] < 0.0 < correction.by_target["large"]
    assert correction.why_not == ""


def test_hash_is_the_same_in_every_process() -> None:
    """CRC-32 of `fix`, `me` and `fix me`; a file fitted elsewhere must mean the same here."""
    assert {1888: 1, 4802: 1, 5750: 1} == dict(slot_counts("fix me"))


def test_case_and_spacing_do_not_matter_but_words_and_their_order_do() -> None:
    assert slot_counts("Fix  ME") == slot_counts("fix me")
    assert slot_counts("fix me now") != slot_counts("now fix me")


def test_kind_that_was_never_fitted_is_left_to_the_table() -> None:
    assert ({}, "the predictor has never seen migrate") == predictor().correction("fix the deadlock", "migrate")[:2]
    assert "work of unknown kind" in predictor().correction("fix the deadlock", None).why_not


def test_closed_gate_leaves_only_the_length_and_says_by_how_much_words_fell_short() -> None:
    """The text is e times as long as usual: the small target falls behind by its slope, whatever the words say."""
    closed = replace(GATE, is_open=False, gain_low=-0.004)
    said = predictor(closed).correction("fix the deadlock".ljust(round(100 * math.e)), KIND)
    assert "no proven gain over the table (lower bound -0.004 on 400 labels)" == said.why_not
    assert {"mini": -0.2, "large": 0.0} == pytest.approx(said.by_target, abs=0.002)


def test_length_is_added_to_what_the_words_say() -> None:
    usual, long = (predictor().correction("fix the deadlock".ljust(n), KIND).by_target for n in (100, 200))
    assert usual["mini"] - 0.2 * math.log(2.0) == pytest.approx(long["mini"])
    assert usual["large"] == pytest.approx(long["large"])


@pytest.mark.parametrize(("n_chars", "longer"), [(1, -2.0), (100, 0.0), (10**6, 2.0)])
def test_length_counts_up_to_two_e_folds(n_chars: int, longer: float) -> None:
    assert {"mini": -0.2 * longer, "large": 0.0} == pytest.approx(LENGTHS.by_target("x" * n_chars, KIND))


def test_length_of_an_unknown_kind_or_of_nothing_says_nothing() -> None:
    assert {} == LENGTHS.by_target("x", "migrate") == LENGTHS.by_target("", KIND)


def test_text_unlike_the_fitted_ones_is_left_to_the_table() -> None:
    correction = predictor().correction("Wie wird das Wetter morgen", KIND)
    assert {} == correction.by_target
    assert correction.why_not.startswith("out of domain")


def test_correction_is_bounded() -> None:
    loud = replace(GATE, scale=1e6)
    assert {"mini": -3.0, "large": 3.0} == dict(predictor(loud).correction("fix the deadlock", KIND).by_target)


@settings(max_examples=40)
@given(st.text(alphabet=st.characters(), max_size=300))
def test_any_text_gets_a_finite_answer(text: str) -> None:
    """Lone surrogates, control characters and emptiness included."""
    assert all(math.isfinite(v) for v in predictor(replace(GATE, reach=0.0)).correction(text, KIND).by_target.values())


@settings(max_examples=40)
@given(st.text(max_size=200))
def test_vector_has_length_one_or_is_empty(text: str) -> None:
    vector = word_vector(text, FLAT)
    assert not vector or math.isclose(1.0, math.sqrt(sum(v * v for v in vector.values())), rel_tol=1e-9)


def test_file_gives_back_the_same_predictor() -> None:
    before, after = predictor(), Predictor.from_json(predictor().to_json())
    for text in ("fix the deadlock", "the pool", ""):
        assert dict(before.correction(text, KIND).by_target) == pytest.approx(dict(after.correction(text, KIND).by_target), abs=1e-4)
    assert (before.gates, before.lengths) == (after.gates, after.lengths)
    assert before.sources == after.sources


def test_changed_file_is_refused() -> None:
    body = json.loads(predictor().to_json())
    body["gates"][0]["is_open"] = False
    with pytest.raises(ConfigError, match="do not match their sha256"):
        Predictor.from_json(json.dumps(body))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "rk-predictor/9"}', '{"schema": "rk-predictor/1"}', "null"])
def test_what_is_no_predictor_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigError, match=r"fit it again") as caught:
        Predictor.from_json(text, "weights.json")
    assert str(caught.value).startswith("weights.json: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("weights", [array("f", [1.0]), array("f", [math.nan]) * N_SLOTS])
def test_wrong_weights_are_refused_even_under_a_right_hash(weights: array[float]) -> None:
    broken = replace(predictor(), heads={"mini": weights})
    with pytest.raises(ConfigError, match="not a predictor"):
        Predictor.from_json(broken.to_json())


def test_missing_file_is_named(tmp_path) -> None:
    with pytest.raises(ConfigError, match="no predictor there; make one with `routerkit scores fit`"):
        load_predictor(tmp_path / "none.json")


def test_length_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        Lengths({KIND: math.nan})


@pytest.mark.parametrize("wrong", [{"scale": math.nan}, {"scale": "2"}, {"reach": None}, {"reach": 10**400}, {"gain_low": []}])
def test_gate_with_a_wrong_number_is_refused_even_under_a_right_hash(wrong: dict[str, object]) -> None:
    """NaN would pass for certainty: the smaller of it and the largest correction is the largest correction."""
    body = json.loads(predictor().to_json())
    body["gates"][0] |= wrong
    del body["schema"], body["sha256"]
    with pytest.raises(ConfigError, match=r"^p\.json: not a predictor .*; fit it again"):
        Predictor.from_json(json.dumps({"schema": SCHEMA, "sha256": _digest(body), **body}), "p.json")
