"""The front door: what `routerkit` exports, and that it is documented."""

from __future__ import annotations

import inspect

import pytest

import routerkit

STABLE = [
    "Request",
    "Reply",
    "Chunk",
    "Router",
    "RouterState",
    "Pool",
    "Target",
    "Price",
    "Policy",
    "Rule",
    "When",
    "Scorecard",
    "Decision",
    "Record",
    "Attempt",
    "Provider",
    "load",
    "features",
]


@pytest.mark.parametrize("name", STABLE)
def test_stable_name_is_exported(name):
    """Names that code outside this repository uses."""
    assert name in routerkit.__all__


@pytest.mark.parametrize("name", routerkit.__all__)
def test_exported_name_exists_and_is_documented(name):
    """`from routerkit import *` works, and every class and function says what it is for."""
    value = getattr(routerkit, name)
    if inspect.isclass(value) or inspect.isfunction(value):
        assert value.__doc__
        assert not value.__doc__.startswith(f"{name}("), "the docstring is the signature that dataclass generated"


def test_exports_are_sorted_and_unique():
    """One place to look for each name."""
    assert sorted(set(routerkit.__all__), key=lambda n: (not n.isupper(), not n[0].isupper(), n)) == list(routerkit.__all__)


@pytest.mark.parametrize("name", ["complete", "acomplete", "stream", "astream"])
def test_router_is_a_provider(name):
    """The four methods have the same parameters, so routers nest."""
    ours, theirs = (inspect.signature(getattr(kind, name)).parameters for kind in (routerkit.Router, routerkit.Provider))
    assert list(theirs) == list(ours)
