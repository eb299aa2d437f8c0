"""fastjson: what msgspec takes and what it does not come out the same."""

from __future__ import annotations

import json
from dataclasses import fields
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit import fastjson
from routerkit.fastjson import Form, dump_each, hole
from routerkit.messages import Usage
from routerkit.record import Attempt

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(VALUES)
def test_what_was_written_is_read_back(value):
    """Both through our own reader and through everybody else's."""
    assert value == fastjson.loads(fastjson.dumps(value)) == json.loads(fastjson.dumps(value))


@given(st.dictionaries(st.text(), VALUES))
def test_canonical_text_does_not_depend_on_the_order_of_keys(value):
    backwards = dict(reversed(value.items()))
    assert fastjson.canonical(value) == fastjson.canonical(backwards)


@pytest.mark.parametrize("bad", ["\ud83d", "fine"])
def test_numbers_and_texts_that_json_cannot_say_are_replaced(bad):
    """Whether or not the standard library has to help."""
    row = {"nan": float("nan"), "nested": ({"inf": float("inf")},), "bad": bad, "set": frozenset({1}), "map": MappingProxyType({"a": 1})}
    want = {"nan": None, "nested": [{"inf": None}], "bad": bad.replace("\ud83d", "?"), "set": [1], "map": {"a": 1}}
    assert want == json.loads(fastjson.dumps(row))


@pytest.mark.parametrize("bad", ["\ud83d", "fine"])
def test_dataclass_is_written_as_an_object(bad):
    """With all its fields in their order, whether or not the standard library has to help."""
    usage = {f.name: 0 for f in fields(Usage)} | {"output_tokens": 5, "is_estimated": False}
    attempt = {f.name: f.default for f in fields(Attempt)} | {"target": "a", "model": bad.replace("\ud83d", "?"), "offset_s": 0.5}
    attempt |= {"latency_s": None, "usage": usage, "normalised": [], "findings": []}
    written = fastjson.dumps([Attempt("a", bad, 0.5, float("nan"), usage=Usage(output_tokens=5))])
    assert json.dumps([attempt]) == json.dumps(json.loads(written))


def test_what_is_no_json_is_a_type_error():
    with pytest.raises(TypeError, match="object is not JSON"):
        fastjson.dumps({"k": object()})


def test_canonical_text_says_something_about_everything():
    assert {"a": "??", "b": "0j"} == json.loads(fastjson.canonical({"b": 0j, "a": "\ud83d\ud83d"}))


@pytest.mark.parametrize(("text", "value"), [(b'"\\ud83d"', "\ud83d"), (b"1e999", float("inf"))])
def test_what_only_the_standard_library_reads_is_read(text, value):
    """A model may stream half of an escaped surrogate pair."""
    assert value == fastjson.loads(text)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[1,]", b'{"a":1}x', b"'a'"])
def test_what_is_no_json_is_a_value_error(text):
    with pytest.raises(ValueError):
        fastjson.loads(text)


def test_form_says_what_stands_in_its_holes_and_nothing_else_changes():
    form = Form({"a": hole(1), "100%": [hole(0), hole(1), "%b"]})
    assert b'{"a":null,"100%":["x",null,"%b"]}' == form.fill([b'"x"', b"null"])


def test_numbers_are_written_each_by_itself():
    assert [b"1", b"null", b"0.5", b"null", b"true"] == dump_each([1, None, 0.5, float("nan"), True])
