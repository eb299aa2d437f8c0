"""Prices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerkit import Pool, Price, Usage
from routerkit.testing import make_target

FULL = Price(input=3.0, output=15.0, cached_input=0.3, cache_write=3.75)


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage(1_000_000, 0), 3.0),
        (Usage(0, 1_000_000), 15.0),
        (Usage(1_000_000, 0, cached_input_tokens=400_000), 0.6 * 3.0 + 0.4 * 0.3),
        (Usage(1_000_000, 0, cache_write_tokens=400_000), 0.6 * 3.0 + 0.4 * 3.75),
        (Usage(1_000_000, 0, 400_000, 600_000), 0.4 * 0.3 + 0.6 * 3.75),
        (Usage(0, 1_000_000, reasoning_tokens=900_000), 15.0),
        (Usage(), 0.0),
    ],
)
def test_cost_of_usage(usage, usd):
    """Cached and written tokens are parts of the input, reasoning a part of the output; none is charged twice."""
    assert usd == pytest.approx(FULL.cost_usd(usage))


def test_cached_tokens_cost_like_others_where_no_price_is_known():
    """A discount nobody stated is not assumed."""
    assert 3.0 == pytest.approx(Price(3.0, 15.0).cost_usd(Usage(1_000_000, 0, 500_000, 500_000)))


tokens = st.integers(0, 10**7)


@given(st.builds(Usage, tokens, tokens, tokens, tokens, tokens))
def test_no_usage_costs_more_than_its_dearest_reading(usage):
    """Also when a provider reports more cached tokens than input tokens."""
    assert 0 <= FULL.cost_usd(usage) <= (usage.input_tokens * 3.75 + usage.output_tokens * 15.0) / 1e6 + 1e-9


def test_pool_finds_its_targets():
    """By name, and nothing else."""
    a, b = make_target("a"), make_target("b")
    pool = Pool("pool", (a, b))
    assert (b, None) == (pool.target("b"), pool.target("c"))


@given(st.lists(st.builds(Usage, tokens, tokens, tokens, tokens, tokens, st.booleans()), min_size=1, max_size=5))
def test_usages_add_up(usages):
    """Every count is summed; one estimate makes the sum an estimate."""
    total = sum(usages[1:], usages[0])
    assert sum(u.input_tokens for u in usages) == total.input_tokens
    assert sum(u.reasoning_tokens for u in usages) == total.reasoning_tokens
    assert any(u.is_estimated for u in usages) == total.is_estimated
