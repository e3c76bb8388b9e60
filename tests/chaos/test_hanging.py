"""What hangs: a worker that stands still with traces in hand (SIGSTOP), an upstream that says nothing."""

import time
from collections.abc import Iterator

import httpx
import pytest
from asking import post
from chaos.faults import until
from chaos.measured import PROMISED_S, note
from chaos.stage import BUDGET, MOMENTS, OFFLINE, Moment, Outcome, Stage, settle, stopped
from scripted_upstream import ScriptedUpstream
from service import Service

DEADLINE_S = 2.0
PROMPTLY_S = 1.0
TOLD_S = 5.0


@pytest.fixture(scope="module")
def outcomes(service: Service, upstream_server: ScriptedUpstream) -> Iterator[list[Outcome]]:
    """A worker stood still until its runs had ended, and then went on to read what it had."""
    with Stage.of(service, upstream_server) as stage:
        playing = stage.bring_to(MOMENTS)
        with stopped(stage.fleet.busiest(stage.upstream_port)) as worker:
            stopped_s = time.monotonic()
            playing.append(stage.begin("asked meanwhile", OFFLINE))
            stage.script.release()
            for run in playing:
                run.wait()
        until(lambda: not worker.lines_to(stage.upstream_port))
        found = settle(playing, stopped_s)
        note("a sampling worker that hangs", [outcome.took_s for outcome in found])
        yield found


def test_runs_complete_within_30_s_without_the_worker(outcomes: list[Outcome]) -> None:
    assert max(outcome.took_s for outcome in outcomes) < PROMISED_S


def test_nothing_is_voted_twice_when_the_worker_goes_on(outcomes: list[Outcome]) -> None:
    assert {(outcome.endings, outcome.answered.told["answer"]) for outcome in outcomes} == {(1, "42")}


def test_what_was_finished_is_not_sampled_again(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        assert {outcome.counts[trace] for trace in outcome.kept_before} <= {1}, outcome.name


def test_nothing_is_sampled_more_than_twice(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        assert set(outcome.counts.values()) <= {1, 2}, outcome.name


def test_an_upstream_that_hangs_costs_only_its_own_traces(stage: Stage) -> None:
    options = {**OFFLINE, "tts_deadline_s": DEADLINE_S}
    (run,) = stage.bring_to([Moment("an upstream that hangs", options, 4, BUDGET)])
    outcome = run.outcome(time.monotonic())
    assert outcome.took_s < DEADLINE_S + PROMPTLY_S
    assert (outcome.endings, outcome.answered.told["answer"]) == (1, "42")
    assert outcome.answered.told["stopped_by"] == "deadline"


def test_a_redis_that_hangs_is_told_of_within_5_s(stage: Stage) -> None:
    with stopped(stage.fleet.redis):
        asked_s = time.monotonic()
        answer = post(stage.service.url)
        took_s = time.monotonic() - asked_s
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert took_s < TOLD_S
    until(lambda: httpx.get(f"{stage.service.url}/ready").status_code == 200)
