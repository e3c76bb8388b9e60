"""Messages that come twice or late, and endings that race each other: there is one of each."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from celery import Celery
from chaos.asking import questions
from chaos.faults import until
from chaos.measured import ATTEMPTS
from chaos.stage import BUDGET, OFFLINE, ONLINE, Outcome, Playing, Stage, settle, stopped
from scripted_upstream import PROMPT_TOKENS, ScriptedUpstream
from service import Service

TRIES = 25
COPIES = 3
RACING = {**OFFLINE, "tts_budget": 2}
DEADLINE_S = 1.5
AROUND_S = 0.3
LAST_TOKENS = range(20, 27)


@pytest.fixture(scope="module")
def outcomes(service: Service, upstream_server: ScriptedUpstream) -> Iterator[list[Outcome]]:
    """Every message was there four times before a worker had one, and came once more after the end."""
    with Stage.of(service, upstream_server) as stage:
        with ExitStack() as stack:
            for sampler in stage.fleet.samplers:
                stack.enter_context(stopped(sampler))
            playing = [stage.begin("twice", options) for options in (OFFLINE, ONLINE)]
            until(partial(all_handed_out, playing))
            messages = stage.record.queued("sample")
            stage.record.deliver("sample", messages * COPIES)
        for run in playing:
            run.wait()
        stage.record.deliver("sample", messages)
        stage.record.settled()
        yield settle(playing, 0.0)


def all_handed_out(playing: list[Playing]) -> bool:
    """Whether the first round of every run was published."""
    return all(0 in run.stage.record.run(run.known().run_id).published for run in playing)


def test_every_trace_is_sampled_once(outcomes: list[Outcome]) -> None:
    assert {count for outcome in outcomes for count in outcome.counts.values()} == {1}


def test_every_run_ends_once_and_rightly(outcomes: list[Outcome]) -> None:
    assert {(outcome.endings, outcome.answered.told["answer"]) for outcome in outcomes} == {(1, "42")}


def collect(stage: Stage, run_id: str) -> None:
    """Deliver the callback of a run's first round."""
    broker = stage.service.store_url.replace("unix://", "redis+socket://")
    with Celery(broker=broker) as app:
        app.send_task("chorus.collect", ([], run_id, 0), queue="control", ignore_result=True)


def test_a_callback_that_comes_early_closes_nothing(stage: Stage) -> None:
    run = Playing(stage, "early", OFFLINE)
    stage.script.hold(run.question)
    run.begin().known()
    stage.upstream.wait_for(lambda calls: len(run.calls(calls)) == BUDGET)
    collect(stage, run.run_id)
    stage.record.settled("control")
    stage.script.release()
    outcome = run.outcome(0.0)
    assert (outcome.endings, outcome.answered.told["stopped_by"]) == (1, "complete")
    assert outcome.answered.completion.usage.prompt_tokens == BUDGET * PROMPT_TOKENS


def test_a_callback_that_comes_late_changes_nothing(stage: Stage) -> None:
    run = stage.begin("late", ONLINE)
    run_id = run.outcome(0.0).answered.run_id
    before = stage.record.ending(run_id), stage.record.events(run_id)
    collect(stage, run_id)
    collect(stage, run_id)
    stage.record.settled()
    assert (stage.record.ending(run_id), stage.record.events(run_id)) == before


def is_consistent(job: Any) -> bool:
    """Whether a job's status, result and error say the same."""
    answer, error = job["result"], job["error"]
    if job["status"] == "completed":
        return bool(answer and answer["choices"][0]["tts_metadata"]["answer"] == "42" and not error)
    return job["status"] in ("failed", "cancelled") and bool(answer) != bool(error)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_deadline_that_races_the_callback_leaves_one_ending(stage: Stage, attempt: int) -> None:
    ids = []
    for question in questions(*["deadline"] * TRIES):
        stage.script.answers[question] = lambda _trace: "42"
        stage.script.first_token_s[question] = DEADLINE_S + random.uniform(-AROUND_S, AROUND_S)
        ids.append(stage.asking.submit(question, **RACING, tts_deadline_s=DEADLINE_S))
    jobs = [until(partial(stage.asking.ended, job_id)) for job_id in ids]
    stage.record.settled()
    assert [stage.record.endings(job_id) for job_id in ids] == [1] * TRIES
    assert [job for job in jobs if not is_consistent(job)] == []
    assert [stage.asking.job(job_id)["status"] for job_id in ids] == [job["status"] for job in jobs]


def cancelled(stage: Stage, question: str, job_id: str, tokens: int) -> Any:
    """A job that was cancelled when the upstream had sent so many of its tokens."""
    stage.upstream.wait_for(
        lambda calls: (
            sum(c.tokens_sent for c in calls if c.body["messages"][-1]["content"] == question) >= tokens
        )
    )
    return stage.asking.cancel(job_id)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_a_cancel_that_races_the_finish_leaves_one_ending(stage: Stage, attempt: int) -> None:
    asked = list(questions(*["cancel"] * TRIES))
    for question in asked:
        stage.script.first_token_s[question] = DEADLINE_S
    ids = [stage.asking.submit(question, **RACING) for question in asked]
    racing = [
        stage.asking.threads.submit(cancelled, stage, question, job_id, random.choice(LAST_TOKENS))
        for question, job_id in zip(asked, ids, strict=True)
    ]
    jobs = [cancel.result() for cancel in racing]
    stage.record.settled()
    assert [stage.record.endings(job_id) for job_id in ids] == [1] * TRIES
    assert [job for job in jobs if not is_consistent(job)] == []
    assert [stage.asking.job(job_id)["status"] for job_id in ids] == [job["status"] for job in jobs]
