"""Who is let in, and what a key is charged: over a real store, at moments of the test's choosing."""

import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shell import RUN, answered, keep, submit

from tts_core.errors import ChorusError, QueueFull, QuotaExceeded, RateLimited, ShareTaken, TokensLimited
from tts_core.model import Usage
from tts_core.testing import request
from workers.access import EVERYTHING, AccessKeys, Allowance, Spent
from workers.admission import Admission, Claim
from workers.queues import SAMPLE
from workers.records import Ending, Submission
from workers.runs import Runs

NOW_S = 1_800_000_000.0
PLACES = 12


@pytest.fixture
def line(runs: Runs) -> Admission:
    """A waiting line of a few places."""
    return Admission(runs.store, SAMPLE, lambda: PLACES)


def claim(run_id: str, owner: str = "one", places: int = 1, allowance: Allowance = EVERYTHING) -> Claim:
    """What wants to be let in."""
    return Claim(run_id, owner, places, NOW_S + 600, allowance)


def filled(line: Admission, owner: str, start: int = 0) -> int:
    """How many claims of one place an owner gets in until it is refused."""
    for number in range(start, start + PLACES + 1):
        try:
            line.admit(claim(f"{owner}{number}", owner), NOW_S)
        except ChorusError:
            return number - start
    return PLACES + 1


def test_a_key_alone_leaves_half_of_the_line_to_who_comes_next(line: Admission) -> None:
    assert filled(line, "one") == PLACES // 2


def test_keys_that_ask_for_much_come_to_hold_equal_shares(line: Admission) -> None:
    got = {"one": 0, "two": 0}
    for number in range(PLACES):
        for owner in got:
            try:
                line.admit(claim(f"{owner}{number}", owner), NOW_S)
            except ShareTaken:
                continue
            got[owner] += 1
    assert got == {"one": PLACES // 3, "two": PLACES // 3}


def test_a_key_that_asks_for_little_is_let_in_while_another_holds_its_share(line: Admission) -> None:
    filled(line, "greedy")
    line.admit(claim("small", "modest"), NOW_S)


def test_clients_without_keys_may_fill_the_line(line: Admission) -> None:
    assert filled(line, "") == PLACES
    with pytest.raises(QueueFull):
        line.admit(claim("more", ""), NOW_S)


def test_what_is_larger_than_the_line_is_let_into_an_empty_one(line: Admission) -> None:
    line.admit(claim("huge", places=10 * PLACES), NOW_S)
    with pytest.raises(QueueFull):
        line.admit(claim("next", "two"), NOW_S)


def test_a_run_is_let_in_once(line: Admission) -> None:
    for _ in range(3):
        line.admit(claim("same", places=PLACES // 2), NOW_S)


def test_a_run_that_is_through_gives_its_places_back_once(line: Admission) -> None:
    line.admit(claim("a", "", PLACES - 1), NOW_S)
    line.admit(claim("b", ""), NOW_S)
    line.release("b")
    line.release("b")
    line.admit(claim("c", ""), NOW_S)
    with pytest.raises(QueueFull):
        line.admit(claim("d", ""), NOW_S)


def test_what_was_never_begun_gives_its_places_back_in_the_end(line: Admission) -> None:
    line.admit(claim("lost", "", PLACES), NOW_S)
    line.admit(claim("late", "", PLACES)._replace(until_s=NOW_S + 2000), NOW_S + 601)


def test_a_full_line_says_when_to_come_back_by_the_pace_at_which_it_empties(
    runs: Runs, line: Admission
) -> None:
    line.admit(claim(RUN, "", PLACES), NOW_S)
    submit(runs)
    runs.end(RUN, Ending())
    line.admit(claim("again", "", PLACES))
    with pytest.raises(QueueFull) as refused:
        line.admit(claim("more", ""))
    assert refused.value.retry_after_s == 1.0


def test_requests_a_minute_are_held(line: Admission) -> None:
    two = Allowance(requests_per_minute=2)
    line.admit(claim("a", allowance=two), NOW_S)
    line.admit(claim("b", allowance=two), NOW_S + 20)
    with pytest.raises(RateLimited) as refused:
        line.admit(claim("c", allowance=two), NOW_S + 30)
    assert refused.value.retry_after_s == 30.0
    line.admit(claim("c", allowance=two), NOW_S + 60)


@given(gaps_s=st.lists(st.floats(0, 40), max_size=30), limit=st.integers(1, 5))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_59_seconds_see_more_requests_than_the_limit(
    runs: Runs, line: Admission, gaps_s: list[float], limit: int
) -> None:
    runs.store.flushall()
    now_s, taken_s = NOW_S, []
    for number, gap_s in enumerate(gaps_s):
        now_s += gap_s
        try:
            line.admit(claim(f"r{number}", "", 0, Allowance(requests_per_minute=limit)), now_s)
        except RateLimited:
            continue
        taken_s.append(now_s)
    assert all(sum(t <= at_s < t + 59 for at_s in taken_s) <= limit for t in taken_s)


def ended(runs: Runs, owner: str, ending: Ending) -> None:
    """A run of an owner's that has ended."""
    now_s = time.time()
    asked = request("single")
    runs.open(RUN, Submission(request=asked, created_s=now_s, deadline_s=now_s + 60, owner=owner))
    runs.end(RUN, ending)


SPENT = Ending(usage=Usage(prompt_tokens=40, completion_tokens=60, total_tokens=100), cost=0.25)


def test_an_ending_is_charged_once(runs: Runs) -> None:
    for _ in range(3):
        ended(runs, "one", SPENT)
    access = AccessKeys(runs.store)
    assert access.spent("one", time.time()) == Spent(100, 0.25, 1)


def test_a_trace_that_comes_after_its_run_has_ended_is_charged_once_too(runs: Runs) -> None:
    ended(runs, "one", SPENT)
    late = replace(answered(0), usage=Usage(prompt_tokens=4, completion_tokens=3, total_tokens=7), cost=0.5)
    keep(runs, late, late)
    assert AccessKeys(runs.store).spent("one", time.time()) == Spent(107, 0.75, 1)


def test_tokens_of_the_last_minute_are_those_of_runs_that_ended_in_it(runs: Runs, line: Admission) -> None:
    allowed = Allowance(tokens_per_minute=100)
    line.admit(claim(RUN, "one", allowance=allowed))
    ended(runs, "one", SPENT)
    with pytest.raises(TokensLimited):
        line.admit(claim("next", "one", allowance=allowed))
    assert line.standing("one", allowed)["tokens"].left == 0


def test_lines_of_batches_are_not_held_against_the_tokens_of_a_minute(runs: Runs, line: Admission) -> None:
    allowed = Allowance(tokens_per_minute=100)
    ended(runs, "one", SPENT)
    line.admit(claim("next", "one", allowance=allowed))


@pytest.mark.parametrize("allowed", [Allowance(daily_tokens=100), Allowance(daily_usd=0.25)])
def test_what_is_spent_in_a_day_is_held(runs: Runs, line: Admission, allowed: Allowance) -> None:
    ended(runs, "one", SPENT)
    with pytest.raises(QuotaExceeded):
        line.admit(claim("next", "one", allowance=allowed))
    line.admit(claim("next", "two", allowance=allowed))


def test_a_run_may_spend_what_its_key_has_left(runs: Runs, line: Admission) -> None:
    ended(runs, "one", SPENT)
    assert line.admit(claim("next", "one", allowance=Allowance(daily_tokens=130))) == 30


def test_who_is_refused_has_used_nothing_up(runs: Runs, line: Admission) -> None:
    ended(runs, "one", SPENT)
    allowed = Allowance(requests_per_minute=5, daily_tokens=100)
    for number in range(3):
        with pytest.raises(QuotaExceeded):
            line.admit(claim(f"r{number}", "one", allowance=allowed))
    assert line.standing("one", replace(allowed, daily_tokens=None))["requests"].left == 5
