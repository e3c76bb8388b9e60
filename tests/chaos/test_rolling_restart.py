"""SIGTERM of sampling workers under load, one after the other; the supervisor starts them again."""

import signal
from collections.abc import Iterator
from threading import Event, Thread
from typing import NamedTuple

import pytest
from chaos.faults import Process, until
from chaos.stage import BUDGET, MOMENTS, OFFLINE, Outcome, Playing, Stage, settle
from scripted_upstream import PROMPT_TOKENS, Call, ScriptedUpstream
from service import Service

CLIENTS = 8
LOAD = {**OFFLINE, "tts_budget": 4}
TOKEN_S = 0.05
AT_ONCE_S = 2.0


def one_client(stage: Stage, over: Event, asked: list[Playing]) -> None:
    """Ask one question after the other until it is over."""
    while not over.is_set():
        asked.append(run := stage.begin("load", LOAD))
        assert run.future
        run.future.exception()


def restart(stage: Stage, worker: Process) -> None:
    """Restart a worker that is at work, and wait until it is back."""
    until(lambda: worker.lines_to(stage.upstream_port))
    worker.send(signal.SIGTERM)
    until(lambda: not worker.is_alive)
    until(stage.fleet.is_whole)


class Rolled(NamedTuple):
    """What clients saw of a rolling restart: errors (None: none), and what became of the others."""

    errors: list[BaseException | None]
    outcomes: list[Outcome]


@pytest.fixture(scope="module")
def rolled(service: Service, upstream_server: ScriptedUpstream) -> Iterator[Rolled]:
    """Each worker was restarted under load, the next one when the one before was back."""
    with Stage.of(service, upstream_server) as stage:
        stage.script.token_s = TOKEN_S
        over, asked = Event(), list[Playing]()
        clients = [Thread(target=one_client, args=(stage, over, asked)) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for worker in stage.fleet.samplers:
            restart(stage, worker)
        over.set()
        for client in clients:
            client.join()
        errors = [run.future.exception() for run in asked if run.future]
        served = [run for run, error in zip(asked, errors, strict=True) if error is None]
        yield Rolled(errors, settle(served, 0.0))


def test_no_client_sees_an_error(rolled: Rolled) -> None:
    assert len(rolled.errors) > CLIENTS
    assert set(rolled.errors) == {None}


def test_no_trace_that_has_ended_is_sampled_again(rolled: Rolled) -> None:
    asked = [calls for outcome in rolled.outcomes for calls in outcome.calls.values()]
    assert [calls for calls in asked if any(call.done for call in calls[:-1])] == []


def test_every_run_ends_once_and_rightly(rolled: Rolled) -> None:
    assert {(found.endings, found.answered.told["answer"]) for found in rolled.outcomes} == {(1, "42")}


@pytest.fixture(scope="module")
def handed_back(service: Service, upstream_server: ScriptedUpstream) -> Iterator[Outcome]:
    """A run half of whose traces outlast DRAIN_S on a worker that is to end."""
    with Stage.of(service, upstream_server) as stage:
        (run,) = stage.bring_to(MOMENTS[:1])
        worker = stage.fleet.busiest(stage.upstream_port)
        worker.send(signal.SIGTERM)
        until(lambda: not worker.is_alive)
        stage.script.release()
        yield run.outcome(0.0)


def retried(outcome: Outcome) -> list[list[Call]]:
    """The traces that were called for twice."""
    return [calls for calls in outcome.calls.values() if len(calls) > 1]


def test_traces_that_outlast_the_drain_are_resampled_at_once(handed_back: Outcome) -> None:
    assert retried(handed_back)
    for first, second in retried(handed_back):
        assert first.aborted
        assert first.ended_s
        assert second.started_s - first.ended_s < AT_ONCE_S


def test_what_the_first_attempts_had_cost_is_in_the_usage(handed_back: Outcome) -> None:
    calls = [call for calls in handed_back.calls.values() for call in calls]
    usage = handed_back.answered.completion.usage
    assert len(calls) > BUDGET
    assert usage.completion_tokens == sum(call.tokens_sent for call in calls)
    assert usage.prompt_tokens == PROMPT_TOKENS * len(calls)


def test_a_run_whose_traces_were_handed_back_ends_once_and_rightly(handed_back: Outcome) -> None:
    assert (handed_back.endings, handed_back.answered.told["answer"]) == (1, "42")
