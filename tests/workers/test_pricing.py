"""Tokens times prices; what has no price has no cost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_core.model import Finish, Trace, Usage
from workers.accounting import total_usage
from workers.costs import total_cost
from workers.pricing import FREE, Price, price_in, rank
from workers.records import NOTHING, Carried

SMALL = Price(prompt=1.0, completion=4.0, cached=0.5)
counts = st.integers(0, 10**7)


def trace(**changes: object) -> Trace:
    return Trace(**{"index": 0, "finish": Finish.STOP} | changes)


def test_a_million_tokens_cost_their_price() -> None:
    assert SMALL.of(Usage(prompt_tokens=1_000_000)) == pytest.approx(1.0)
    assert SMALL.of(Usage(completion_tokens=1_000_000)) == pytest.approx(4.0)


def test_cached_tokens_are_part_of_the_prompt() -> None:
    usage = Usage(prompt_tokens=1_000_000, cached_tokens=1_000_000)
    assert SMALL.of(usage) == pytest.approx(0.5)
    assert Price(1.0, 4.0).of(usage) == pytest.approx(1.0)


@given(counts, counts, counts, counts)
def test_two_calls_cost_the_sum(prompt: int, completion: int, more: int, yet_more: int) -> None:
    one = Usage(prompt_tokens=prompt, completion_tokens=completion)
    other = Usage(prompt_tokens=more, completion_tokens=yet_more)
    assert SMALL.of(one + other) == pytest.approx(SMALL.of(one) + SMALL.of(other))


def test_the_closest_name_wins() -> None:
    prices = {"vendor/*": SMALL, "vendor/large*": FREE, "default": Price(9, 9), "vendor/tiny": Price(8, 8)}
    assert price_in(prices, "vendor/tiny") == Price(8, 8)
    assert price_in(prices, "vendor/large-2") == FREE
    assert price_in(prices, "vendor/x") == SMALL
    assert price_in(prices, "other") == Price(9, 9)
    assert price_in({"m": SMALL}, "other") is None
    assert price_in({}, "m") is None


def test_a_star_alone_names_every_model_and_less_closely_than_all_others() -> None:
    assert 0 < rank("*", "m") < rank("m*", "m") < rank("m", "m")


def test_a_run_of_which_one_price_is_unknown_has_no_cost() -> None:
    assert total_cost(NOTHING, [trace(cost=1.0), trace(cost=None)]) is None
    assert total_cost(NOTHING, [trace(cost=1.0)], [Carried(cost=None)]) is None


def test_what_was_handed_back_is_paid_too() -> None:
    assert total_cost(NOTHING, [trace(cost=1.0)], [Carried(cost=0.5)]) == pytest.approx(1.5)


def test_the_prompt_of_a_call_without_an_account_is_as_long_as_the_others() -> None:
    told = trace(usage=Usage(prompt_tokens=100), cost=1.0)
    blind = trace(blind=1, cost=0.25, blind_usd=0.001)
    usage = total_usage([told, blind])
    assert total_cost(usage, [told, blind]) == pytest.approx(1.0 + 0.25 + 0.1)


def test_a_run_without_traces_costs_nothing() -> None:
    assert total_cost(NOTHING, []) == 0
