"""Frozen values that are made fast: they must not differ in anything else."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, field, fields, replace
from typing import Any

import pytest

from routerkit.messages import Request, Usage
from routerkit.quick import copier, maker, quick


@quick
@dataclass(frozen=True, slots=True)
class Value:
    """One of each kind of field."""

    needed: int
    given: str = "x"
    made: list[int] = field(default_factory=list)
    inner: list[int] = field(default_factory=list, init=False, compare=False)


def test_fields_and_defaults_are_those_of_the_dataclass() -> None:
    assert Value(1) == Value(needed=1, given="x", made=[])
    assert Value(1).made is not Value(1).made
    assert [] == Value(1).inner
    assert "Value(needed=1, given='y', made=[], inner=[])" == repr(Value(1, "y"))


def test_maker_makes_what_the_class_makes() -> None:
    make = maker(Value)
    for made, wanted in ((make(1), Value(1)), (make(2, made=[3]), Value(2, made=[3])), (make(3, "y"), Value(3, "y"))):
        assert wanted == made
        assert type(made) is Value
    assert make(1).made is not make(1).made
    with pytest.raises(TypeError, match="argument"):
        make()  # type: ignore[call-arg]  # the point


def test_stays_frozen_and_has_no_dict() -> None:
    value = Value(1)
    with pytest.raises(FrozenInstanceError):
        value.needed = 2  # type: ignore[misc]  # the point
    assert not hasattr(value, "__dict__")
    assert type(value) is Value


@pytest.mark.parametrize("wrong", [(), (1, "x", [], 4)], ids=["too few", "too many"])
def test_wrong_arguments_are_refused(wrong: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="argument"):
        Value(*wrong)


def test_copies_pickles_and_replaces_like_any_other() -> None:
    request = Request("m", (), temperature=0.5)
    assert request == copy.copy(request) == pickle.loads(pickle.dumps(request))
    assert 0.7 == replace(request, temperature=0.7).temperature
    assert [f.name for f in fields(Usage)] == list(Usage.__slots__)


def test_copier_copies_as_replace_does() -> None:
    copied = copier(Request, "model", "timeout_s", key=None, hops=7)
    request = Request("m", ({"role": "user", "content": "Hi."},), temperature=0.5, key="k")
    copy_ = copied(request, "n", 3.0)
    assert replace(request, model="n", timeout_s=3.0, key=None, hops=7) == copy_
    assert type(copy_) is Request
    with pytest.raises(FrozenInstanceError):
        copy_.model = "o"  # type: ignore[misc]  # the point


def test_class_that_does_more_is_refused() -> None:
    with pytest.raises(TypeError, match="__post_init__"):

        @quick
        @dataclass(frozen=True, slots=True)
        class Checked:
            at: int

            def __post_init__(self) -> None:
                raise ValueError
