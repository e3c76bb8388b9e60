"""The numbers of all workers: added once for each run, and for each call."""

import redis
from shell import RUN, answered, keep, submit

from tts_core.errors import UpstreamBusy
from tts_core.model import Finish, Trace, Usage, Why
from workers import keys, metrics
from workers.metrics import INFINITE, SUM, Tally
from workers.metrics_calls import Calls
from workers.metrics_endings import tally_of
from workers.records import Ending
from workers.rounds import Rounds
from workers.runs import Runs


def numbers(runs: Runs) -> dict[tuple[str, ...], float]:
    """What stands in Redis."""
    return metrics.read(runs.store.hgetall(keys.METRICS))


def test_an_ending_that_is_written_twice_is_counted_once(runs: Runs) -> None:
    submit(runs)
    for _ in range(2):
        runs.end(RUN, Ending(strategy="single", usage=Usage(1, 2, 3)))
    assert numbers(runs)["chorus_runs_total", "single", "complete", "failed"] == 1
    assert numbers(runs)["chorus_completion_tokens_total", "single"] == 2


def test_a_run_is_counted_under_its_strategy(runs: Runs, rounds: Rounds) -> None:
    submit(runs)
    rounds.step(RUN)
    keep(runs, answered(0), answered(1), answered(2))
    rounds.close(RUN, 0, Why.COMPLETE)
    assert numbers(runs)["chorus_runs_total", "self_consistency", "complete", "answered"] == 1
    assert numbers(runs)["chorus_traces_total", "stop", "none"] == 3
    assert numbers(runs)["chorus_agreement", "self_consistency", "1"] == 1


def test_a_bug_that_ends_a_run_is_counted_without_a_strategy() -> None:
    assert tally_of(Ending())["chorus_runs_total", "unknown", "complete", "failed"] == 1


def test_a_trace_that_was_taken_over_is_not_counted_again() -> None:
    taken, own = (Trace(index=i, finish=Finish.STOP, attempts=i) for i in range(2))
    assert tally_of(Ending(traces=(taken, own)))["chorus_traces_total", "stop", "none"] == 1


def test_judge_calls_are_no_traces() -> None:
    tally = tally_of(Ending(traces=(Trace(index=0, finish=Finish.STOP, judge=True),)))
    assert tally["chorus_judge_calls_total", "stop"] == 1
    assert ("chorus_traces_total", "stop", "none") not in tally


def test_every_attempt_but_the_first_is_a_retry() -> None:
    traces = tuple(Trace(index=i, finish=Finish.STOP, attempts=3) for i in range(2))
    assert tally_of(Ending(traces=traces))["chorus_retries_total",] == 4


def test_a_run_of_unknown_price_costs_nothing_and_is_told_apart() -> None:
    unknown, free = tally_of(Ending(strategy="s")), tally_of(Ending(strategy="s", cost=0.5))
    assert unknown["chorus_unpriced_runs_total", "s"] == 1
    assert free["chorus_cost_usd_total", "s"] == 0.5


def test_a_value_falls_into_the_first_bucket_that_holds_it() -> None:
    tally = Tally()
    for value in (0.25, 0.3, 9999.0):
        tally.observe(metrics.RUN_S, value, "s")
    buckets = {key[-1]: amount for key, amount in tally.items()}
    assert buckets == {"0.25": 1, "0.5": 1, INFINITE: 1, SUM: 9999.55}


def test_calls_are_added_to_those_of_other_processes(runs: Runs) -> None:
    for calls in (Calls(), Calls()):
        calls.began("u")
        calls.failed("u", UpstreamBusy("Wait."))
        calls.flush(runs.store)
        calls.flush(runs.store)
    assert numbers(runs)["chorus_upstream_calls_total", "u"] == 2
    assert numbers(runs)["chorus_upstream_errors_total", "u", "busy"] == 2


def test_calls_that_could_not_be_added_are_added_later(runs: Runs) -> None:
    calls = Calls()
    calls.began("u")
    with redis.Redis(unix_socket_path="/nowhere/redis.sock") as away:
        try:
            calls.flush(away)
        except redis.ConnectionError:
            calls.began("u")
    calls.flush(runs.store)
    assert numbers(runs)["chorus_upstream_calls_total", "u"] == 2
