"""A strategy's history is its state."""

import pytest

from tts_core.errors import ReplayDiverged, StrategyFault
from tts_core.model import Finish, Plan, Request, Round, Strategy, Trace, Vote
from tts_core.registry import registered, strategy
from tts_core.run import Past, advance
from tts_core.testing import request


@strategy("two_rounds_for_tests")
def two_rounds(asked: Request) -> Strategy:
    """Two traces, then as many as finished."""
    first = yield Plan((asked.sampling,) * 2)
    done = [trace for trace in first.traces if trace.usable]
    second = yield Plan((asked.sampling,) * len(done))
    return Vote(winners=(second.traces[0].index,))


@strategy("buggy_for_tests")
def buggy(asked: Request) -> Strategy:
    """Divides by what came back."""
    first = yield Plan((asked.sampling,))
    return Vote(winners=(1 // len(first.traces),))


@strategy("empty_round_for_tests")
def empty_round(asked: Request) -> Strategy:
    """Asks for nothing."""
    yield Plan(())
    return Vote(winners=())


@strategy("no_vote_for_tests")
def no_vote(asked: Request) -> Strategy:
    """Forgets to vote."""
    yield Plan((asked.sampling,))
    return None  # type: ignore[return-value]


def finished(*indexes: int) -> Round:
    return Round(tuple(Trace(index=index, finish=Finish.STOP) for index in indexes))


def test_without_a_history_the_first_plan_is_asked_for() -> None:
    step = advance(request("two_rounds_for_tests"), [])
    assert isinstance(step, Plan)
    assert len(step.samplings) == 2


def test_history_leads_to_the_vote() -> None:
    history = [Past(2, finished(0, 1)), Past(2, finished(2, 3))]
    assert advance(request("two_rounds_for_tests"), history) == Vote(winners=(2,))


def test_a_plan_may_depend_on_what_came_back() -> None:
    step = advance(request("two_rounds_for_tests"), [Past(2, finished(1))])
    assert isinstance(step, Plan)
    assert len(step.samplings) == 1


def test_a_strategy_that_changed_under_a_run_is_found_out() -> None:
    with pytest.raises(ReplayDiverged):
        advance(request("two_rounds_for_tests"), [Past(3, finished(0))])


def test_no_further_round_after_the_last() -> None:
    last = Round(finished(0, 1).traces, last=True)
    with pytest.raises(StrategyFault, match="after its last round"):
        advance(request("two_rounds_for_tests"), [Past(2, last)])


def test_an_empty_round_is_a_fault() -> None:
    with pytest.raises(StrategyFault, match="empty round"):
        advance(request("empty_round_for_tests"), [])


def test_an_ending_without_a_vote_is_a_fault() -> None:
    with pytest.raises(StrategyFault, match="without a vote"):
        advance(request("no_vote_for_tests"), [Past(1, finished(0))])


def test_a_bug_of_a_strategy_is_its_fault() -> None:
    with pytest.raises(StrategyFault, match="ZeroDivisionError"):
        advance(request("buggy_for_tests"), [Past(1, Round(()))])


def test_a_strategy_that_is_gone_is_a_fault() -> None:
    with pytest.raises(StrategyFault, match="no longer installed"):
        advance(request("never_there"), [])


def test_a_name_is_given_once() -> None:
    assert "two_rounds_for_tests" in registered()
    with pytest.raises(ValueError, match="exists already"):
        strategy("two_rounds_for_tests")(no_vote)


def test_an_option_means_the_same_in_every_strategy() -> None:
    def other_budget(asked: Request, *, budget: str = "large") -> Strategy:
        """Its budget is a word."""
        yield Plan((asked.sampling,))
        return Vote(winners=())

    with pytest.raises(ValueError, match="different options 'budget'"):
        strategy("other_budget_for_tests")(other_budget)
