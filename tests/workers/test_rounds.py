"""A run, round by round: whatever is delivered twice or races, each thing is decided once."""

import time
from dataclasses import replace

import pytest
from kombu.exceptions import OperationalError
from shell import RUN, Published, answered, keep, submit

from tts_core.model import Finish, Limits, Request, Trace, Usage, Why
from tts_core.testing import request
from workers import keys
from workers.claims import Claims
from workers.records import Carried
from workers.rounds import Rounds
from workers.runs import Runs


def test_a_new_run_publishes_its_first_round(runs: Runs, rounds: Rounds, published: Published) -> None:
    submit(runs)
    rounds.step(RUN)
    assert published == [(RUN, 0, [0, 1, 2])]


def test_equal_samplings_are_stored_once(runs: Runs, rounds: Rounds) -> None:
    submit(runs)
    rounds.step(RUN)
    assert len(runs.plan(RUN, 0).samplings) == 1


def test_a_beginning_delivered_twice_publishes_once(
    runs: Runs, rounds: Rounds, published: Published
) -> None:
    submit(runs)
    rounds.step(RUN)
    rounds.step(RUN)
    assert len(published) == 1


def test_a_closed_round_leads_to_an_ending(runs: Runs, rounds: Rounds) -> None:
    submit(runs)
    rounds.step(RUN)
    keep(runs, *map(answered, range(3)))
    rounds.close(RUN, 0, Why.COMPLETE)
    ending = runs.ending(RUN)
    assert ending is not None
    assert ending.vote is not None
    assert (ending.vote.weighted_answer, len(ending.traces), ending.rounds) == ("42", 3, 1)


def test_a_callback_delivered_twice_wakes_the_waiter_once(runs: Runs, rounds: Rounds) -> None:
    submit(runs, inbox="inbox")
    rounds.step(RUN)
    keep(runs, answered(0))
    rounds.close(RUN, 0, Why.COMPLETE)
    rounds.close(RUN, 0, Why.COMPLETE)
    assert runs.store.lrange("inbox", 0, -1) == [RUN.encode()]


def test_the_first_closing_stands_whoever_comes_later(runs: Runs, rounds: Rounds) -> None:
    submit(runs)
    rounds.step(RUN)
    keep(runs, answered(0))
    rounds.close(RUN, 0, Why.DEADLINE)
    keep(runs, answered(1, "\\boxed{7}"), answered(2, "\\boxed{7}"))
    rounds.close(RUN, 0, Why.COMPLETE)
    ending = runs.ending(RUN)
    assert ending is not None
    assert (ending.why, len(ending.traces)) == (Why.DEADLINE, 1)


def test_a_trace_sampled_twice_is_kept_once(runs: Runs, rounds: Rounds, claims: Claims) -> None:
    submit(runs)
    rounds.step(RUN)
    keep(runs, answered(0, "\\boxed{1}"), answered(0, "\\boxed{2}"))
    kept = claims.arrive(RUN, 0, 0).kept
    assert kept is not None
    assert kept.answer is not None
    assert kept.answer.text == "1"


def test_a_kept_trace_is_found_when_its_task_comes_again(
    runs: Runs, rounds: Rounds, claims: Claims
) -> None:
    submit(runs)
    rounds.step(RUN)
    keep(runs, answered(1))
    assert claims.arrive(RUN, 0, 1).kept is not None
    assert claims.arrive(RUN, 0, 2).plan is not None


def test_a_trace_of_a_stopped_run_is_not_started(runs: Runs, rounds: Rounds, claims: Claims) -> None:
    submit(runs)
    rounds.step(RUN)
    runs.stop(RUN, Why.CANCELLED)
    assert claims.arrive(RUN, 0, 0).plan is None


def test_a_trace_of_a_closed_round_is_not_started(runs: Runs, rounds: Rounds, claims: Claims) -> None:
    submit(runs)
    rounds.step(RUN)
    rounds.close(RUN, 0, Why.DEADLINE)
    assert claims.arrive(RUN, 0, 0).plan is None


def test_a_deadline_stops_first_and_closes_a_grace_later(runs: Runs, rounds: Rounds) -> None:
    submit(runs, life_s=0)
    rounds.step(RUN)
    keep(runs, answered(0))
    rounds.look(RUN)
    assert runs.ending(RUN) is None
    rounds.look(RUN)
    ending = runs.ending(RUN)
    assert ending is not None
    assert ending.why is Why.DEADLINE


def test_a_deadline_of_an_expired_run_is_forgotten(runs: Runs, rounds: Rounds) -> None:
    runs.schedule("gone", 0.0)
    rounds.look("gone")
    assert runs.due(time.time()) == []


def test_an_ended_run_is_not_due(runs: Runs, rounds: Rounds) -> None:
    submit(runs)
    rounds.step(RUN)
    keep(runs, answered(0))
    rounds.close(RUN, 0, Why.COMPLETE)
    assert runs.due(time.time() + 3600) == []


def test_all_traces_failed_is_the_fault_of_the_first(runs: Runs, rounds: Rounds) -> None:
    from tts_core.model import Fault

    submit(runs)
    rounds.step(RUN)
    fault = Fault("UpstreamRefused", "no such model", status=404)
    keep(runs, *(Trace(index=i, finish=Finish.FAILED, fault=fault) for i in range(3)))
    rounds.close(RUN, 0, Why.COMPLETE)
    ending = runs.ending(RUN)
    assert ending is not None
    assert ending.fault == fault


def test_fewer_traces_than_needed_is_a_fault(runs: Runs, rounds: Rounds) -> None:
    asked = request("self_consistency", budget=2)
    submit(
        runs,
        Request(
            sampling=asked.sampling,
            strategy=asked.strategy,
            options=asked.options,
            limits=Limits(min_traces=2),
        ),
    )
    rounds.step(RUN)
    keep(runs, answered(0), Trace(index=1, finish=Finish.FAILED))
    rounds.close(RUN, 0, Why.COMPLETE)
    ending = runs.ending(RUN)
    assert ending is not None
    assert ending.fault is not None
    assert ending.fault.error == "NoAnswer"


def test_a_strategy_that_is_gone_ends_the_run_as_a_fault(runs: Runs, rounds: Rounds) -> None:
    submit(runs, request("never_there"))
    rounds.step(RUN)
    ending = runs.ending(RUN)
    assert ending is not None
    assert ending.fault is not None
    assert ending.fault.error == "StrategyGone"


def test_everything_of_a_run_expires_but_that_it_was_counted(runs: Runs, rounds: Rounds) -> None:
    submit(runs, inbox="inbox")
    rounds.step(RUN)
    keep(runs, answered(0))
    rounds.close(RUN, 0, Why.COMPLETE)
    lasting = [key for key in runs.store.keys("*") if runs.store.ttl(key) < 0]
    assert lasting == [keys.METRICS.encode()]


def test_a_round_whose_sender_died_is_sent_again_after_a_while(runs: Runs) -> None:
    submit(runs)
    sent = Published()

    def away(*_: object) -> None:
        raise OperationalError("Redis went away")

    with pytest.raises(OperationalError):
        Rounds(runs, away).step(RUN)
    Rounds(runs, sent).step(RUN)
    assert sent == []
    runs.sending(RUN, 0, time.time() - 60)
    Rounds(runs, sent).step(RUN)
    assert sent == [(RUN, 0, [0, 1, 2])]


def test_a_bug_ends_the_run_and_is_not_swallowed(runs: Runs, rounds: Rounds) -> None:
    submit(runs, inbox="inbox")
    with pytest.raises(ZeroDivisionError), rounds.at_stake(RUN):
        1 // 0  # noqa: B018
    ending = runs.ending(RUN)
    assert ending is not None
    assert ending.fault is not None
    assert ending.fault.error == "InternalFault"
    assert runs.store.lrange("inbox", 0, -1) == [RUN.encode()]


def online(**options: object) -> Request:
    asked = request("deepconf", mode="online", budget=8, warmup=4, warmup_mode="async", **options)
    return replace(asked, sampling=replace(asked.sampling, window_tokens=8))


def test_an_asynchronous_warm_up_publishes_two_rounds(
    runs: Runs, rounds: Rounds, published: Published
) -> None:
    submit(runs, online())
    rounds.step(RUN)
    assert [indexes for _, _, indexes in published] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_what_was_finished_ahead_is_accounted_for(runs: Runs, rounds: Rounds) -> None:
    submit(runs, online())
    rounds.step(RUN)
    keep(runs, *(replace(answered(index), tokens=10) for index in range(8)))
    rounds.close(RUN, 0, Why.COMPLETE)
    ending = runs.ending(RUN)
    assert ending is not None
    assert (len(ending.traces), ending.rounds, ending.why) == (8, 2, Why.CONSENSUS)


def test_traces_in_flight_are_judged_once_the_warm_up_is_closed(
    runs: Runs, rounds: Rounds, claims: Claims
) -> None:
    submit(runs, online())
    rounds.step(RUN)
    keep(runs, *(answered(index, f"\\boxed{{{index}}}") for index in range(4)))
    rounds.close(RUN, 0, Why.COMPLETE)
    arrival = claims.arrive(RUN, 1, 4)
    assert arrival.plan is not None
    assert arrival.plan.sampling(4).stop_below == 10.0
    assert [word.number for word in runs.said(RUN)] == [1]


def test_a_callback_that_comes_before_its_rounds_turn_waits(runs: Runs, rounds: Rounds) -> None:
    submit(runs, online())
    rounds.step(RUN)
    keep(runs, *(answered(index) for index in range(4, 8)))
    rounds.close(RUN, 1, Why.COMPLETE)
    assert runs.load(RUN).closings == ()


def test_what_comes_late_leaves_nothing_of_a_run_that_is_gone(
    runs: Runs, rounds: Rounds, claims: Claims
) -> None:
    claims.arrive(RUN, 0, 0)
    keep(runs, answered(0))
    runs.spend(RUN, 16)
    runs.stop(RUN, Why.CANCELLED)
    assert runs.store.keys("chorus:run:*") == []


def test_a_trace_that_ends_late_lives_no_longer_than_its_run(runs: Runs, rounds: Rounds) -> None:
    submit(runs)
    rounds.step(RUN)
    keep(runs, answered(0))
    rounds.close(RUN, 0, Why.DEADLINE)
    keep(runs, answered(1))
    lives = {
        part: runs.store.ttl(f"chorus:run:{RUN}{part}") for part in ("", ":texts", ":events", ":ending")
    }
    assert max(lives.values()) <= runs.ttl_s


def test_usage_has_what_a_trace_cost_that_was_handed_back_and_not_begun_again(
    runs: Runs, rounds: Rounds, claims: Claims
) -> None:
    submit(runs)
    rounds.step(RUN)
    keep(runs, answered(0))
    claims.hand_back(RUN, 1, Carried(Usage(completion_tokens=7, total_tokens=7), attempts=1))
    rounds.close(RUN, 0, Why.DEADLINE)
    ending = runs.ending(RUN)
    assert ending is not None
    assert ending.usage.completion_tokens == 7
