"""How far a job is, from what its workers tell of it."""

import time
from dataclasses import replace

import pytest

from app.jobs.objects import status_of, usage_of
from app.jobs.progress import progress
from tts_core.model import Fault, Finish, Sampling, Trace, Usage, Why
from tts_core.testing import request, trace
from workers.jobs import Job
from workers.records import Ending, Holding, Run, StoredPlan, Submission

ASKED = request("self_consistency", budget=8)
PLAN = StoredPlan.of([Sampling(model="m", messages=())] * 8, 0)


def job(
    *ended: Trace, held: tuple[int, ...] = (), ages_s: float = 0.0, ending: Ending | None = None
) -> Job:
    """A job of one round of eight traces."""
    run = Run(
        submission=Submission(request=ASKED, created_s=0.0, deadline_s=60.0),
        plans=(PLAN,),
        closings=(),
        traces={found.index: found for found in ended},
        stop=None,
        stops={},
        sent_s={},
        published=frozenset({0}),
    )
    holding = Holding(time.time(), held, tokens=7, ages_s=ages_s)
    return Job("id", run, ending, {"worker": holding} if held else {})


def took(index: int, seconds: float) -> Trace:
    return trace("\\boxed{42}", index=index, elapsed_s=seconds, tokens=5)


def test_what_waits_comes_in_waves_of_what_runs() -> None:
    # 2 ended in 10 s each, 2 run for 4 s each: 6 s more, then 4 in two waves
    found = progress(job(took(0, 9), took(1, 11), held=(2, 3), ages_s=8))
    assert found["eta_s"] == pytest.approx(6 + 2 * 10)


def test_traces_that_run_for_long_do_not_make_time_run_backwards() -> None:
    assert progress(job(*(took(i, 1) for i in range(7)), held=(7,), ages_s=99))["eta_s"] == 0.0


@pytest.mark.parametrize("known", [job(held=(0, 1)), job(took(0, 1))])
def test_without_a_finished_or_a_running_trace_nobody_knows(known: Job) -> None:
    assert progress(known)["eta_s"] is None


def test_a_trace_that_has_ended_runs_no_more_whatever_its_worker_told_last() -> None:
    assert progress(job(took(0, 1), held=(0, 1)))["traces"]["running"] == 1


def test_tokens_of_running_traces_are_counted() -> None:
    assert progress(job(took(0, 1), held=(1,)))["tokens"] == 5 + 7


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (job(), "queued"),
        (job(held=(0,)), "in_progress"),
        (job(took(0, 1)), "in_progress"),
        (job(ending=Ending()), "completed"),
        (job(ending=Ending(fault=Fault("NoAnswer", "?"))), "failed"),
        (job(ending=Ending(fault=Fault("NoAnswer", "?"), why=Why.CANCELLED)), "cancelled"),
    ],
)
def test_a_status_is_one_of_openais_words(found: Job, status: str) -> None:
    assert status_of(found) == status


def test_failed_and_stopped_traces_are_not_done() -> None:
    failed = trace("", index=1, finish=Finish.FAILED)
    stopped = trace("", index=2, finish=Finish.STOPPED, stop=Why.THRESHOLD)
    counted = progress(job(took(0, 1), failed, stopped))["traces"]
    assert counted == {"planned": 8, "done": 1, "running": 0, "failed": 1, "stopped": 1}


def test_usage_has_what_a_trace_cost_that_ended_after_the_vote() -> None:
    spent = Usage(prompt_tokens=1, completion_tokens=5, total_tokens=6)
    early, late = (replace(took(i, 1), usage=spent) for i in range(2))
    ended = job(early, late, ending=Ending(traces=(early,), usage=spent))
    assert usage_of(ended)["completion_tokens"] == 10
