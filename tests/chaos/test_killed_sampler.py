"""kill -9 of sampling workers with traces in flight, at every moment of a run: one worker, and all of
them, which the supervisor starts again."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from chaos.faults import Process
from chaos.measured import ATTEMPTS, PROMISED_S, note
from chaos.stage import BUDGET, BURST, MOMENTS, OFFLINE, Outcome, Playing, Stage, settle, stopped
from scripted_upstream import Call, ScriptedUpstream
from service import Service

LOST = "A worker was lost"

Victims = Callable[[Stage], list[Process]]


def busiest(stage: Stage) -> list[Process]:
    """The worker that has the most traces."""
    return [stage.fleet.busiest(stage.upstream_port)]


def every_one(stage: Stage) -> list[Process]:
    """All sampling workers."""
    return stage.fleet.samplers


def at_every_moment(stage: Stage, victims: Victims) -> list[Outcome]:
    """The kill comes while runs stand at all moments at once, and another one is just being handed out."""
    playing = stage.bring_to(MOMENTS)
    doomed = victims(stage)
    playing.append(burst := stage.begin("the start burst", BURST))
    stage.upstream.wait_for(lambda calls: bool(burst.calls(calls)))
    burst.look()
    killed_s = max(process.kill() for process in doomed)
    stage.script.release()
    return settle(playing, killed_s)


def at_some_moment(stage: Stage, victims: Victims) -> list[Outcome]:
    """The kill comes when the upstream has sent so many tokens."""
    return settle(*stage.strike_at_some_moment(partial(victims, stage)))


def with_a_message_on_the_line(stage: Stage, victims: Victims) -> list[Outcome]:
    """A worker has been sent a message and has not read it: no lease tells of that one."""
    run = Playing(stage, "a message on the line", OFFLINE)
    stage.script.hold(run.question)
    with stopped(stage.fleet.samplers[0]):
        run.begin()
        stage.upstream.wait_for(lambda calls: len(run.calls(calls)) >= BUDGET - 1)
        killed_s = max(process.kill() for process in victims(stage))
    stage.script.release()
    return settle([run], killed_s)


# The attempt is in the parameter, because pytest does not set up a fixture again for an equal one.
again = pytest.mark.chaos
WAYS = [
    pytest.param((at_every_moment, busiest, 0), id="busiest"),
    pytest.param((at_every_moment, every_one, 0), id="every_one", marks=again),
    *(
        pytest.param((with_a_message_on_the_line, every_one, attempt), id=f"line-{attempt}", marks=again)
        for attempt in ATTEMPTS
    ),
    *(
        pytest.param((at_some_moment, victims, attempt), id=f"{victims.__name__}-{attempt}", marks=again)
        for victims in (busiest, every_one)
        for attempt in ATTEMPTS
    ),
]


@pytest.fixture(scope="module", params=WAYS)
def outcomes(
    request: pytest.FixtureRequest, service: Service, upstream_server: ScriptedUpstream
) -> Iterator[list[Outcome]]:
    """What became of the runs."""
    way, victims, _ = request.param
    with Stage.of(service, upstream_server) as stage:
        found = way(stage, victims)
        note(f"kill -9 of a sampling worker ({victims.__name__})", [o.took_s for o in found])
        yield found


def test_every_run_completes_within_30_s(outcomes: list[Outcome]) -> None:
    assert max(outcome.took_s for outcome in outcomes) < PROMISED_S


def test_every_run_ends_once(outcomes: list[Outcome]) -> None:
    assert [outcome.endings for outcome in outcomes] == [1] * len(outcomes)


def test_every_vote_is_right(outcomes: list[Outcome]) -> None:
    assert {outcome.answered.told["answer"] for outcome in outcomes} == {"42"}


def test_what_was_finished_is_not_sampled_again(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        assert {outcome.counts[trace] for trace in outcome.kept_before} <= {1}, outcome.name


def test_nothing_is_sampled_more_than_twice(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        assert set(outcome.counts.values()) <= {1, 2}, outcome.name


def test_usage_counts_what_the_answer_was_made_of(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        assert outcome.answered.completion.usage.completion_tokens == outcome.finished_tokens, outcome.name


def test_a_warning_tells_of_what_usage_does_not_count(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        lost: list[Call] = [call for calls in outcome.calls.values() for call in calls[:-1]]
        assert not lost or LOST in outcome.answered.warnings, outcome.name
