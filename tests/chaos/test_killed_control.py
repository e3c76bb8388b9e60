"""kill -9 of the control worker, which the supervisor starts again."""

from collections.abc import Callable, Iterator

import pytest
from chaos.measured import ATTEMPTS, PROMISED_S, note
from chaos.stage import MOMENTS, OFFLINE, ONLINE, Outcome, Stage, settle, stopped
from scripted_upstream import ScriptedUpstream
from service import Service

HANDED_OUT = {**OFFLINE, "tts_budget": 256}


def between_rounds(stage: Stage) -> list[Outcome]:
    """All traces of a warm-up, and of a last round, are kept; nobody has read the callback."""
    playing = stage.bring_to(MOMENTS)
    with stopped(stage.fleet.control) as control:
        stage.script.release()
        for run in playing:
            run.wait_until_kept(len(run.calls()))
        killed_s = control.kill()
    return settle(playing, killed_s)


def right_after_submission(stage: Stage) -> list[Outcome]:
    """The client's request was taken; nobody has asked the strategy."""
    with stopped(stage.fleet.control) as control:
        playing = [stage.begin("submitted", options) for options in (OFFLINE, ONLINE)]
        for run in playing:
            run.wait_until_acknowledged()
        killed_s = control.kill()
    return settle(playing, killed_s)


def while_handing_out(stage: Stage) -> list[Outcome]:
    """The first of a round's 256 traces has begun; the others are on their way."""
    run = stage.begin("handed out", HANDED_OUT)
    stage.upstream.wait_for(lambda calls: bool(run.calls(calls)))
    run.look()
    return settle([run], stage.fleet.control.kill())


def at_some_moment(stage: Stage) -> list[Outcome]:
    """The upstream has sent so many tokens."""
    return settle(*stage.strike_at_some_moment(lambda: [stage.fleet.control]))


Way = Callable[[Stage], list[Outcome]]
ONCE: tuple[Way, ...] = (between_rounds, right_after_submission, while_handing_out)
# The attempt is in the parameter, because pytest does not set up a fixture again for an equal one.
WAYS = [
    *(pytest.param((way, 0), id=way.__name__) for way in ONCE),
    *(
        pytest.param((at_some_moment, attempt), id=f"at_some_moment-{attempt}", marks=pytest.mark.chaos)
        for attempt in ATTEMPTS
    ),
]


@pytest.fixture(scope="module", params=WAYS)
def outcomes(
    request: pytest.FixtureRequest, service: Service, upstream_server: ScriptedUpstream
) -> Iterator[list[Outcome]]:
    """What became of the runs."""
    with Stage.of(service, upstream_server) as stage:
        way, _ = request.param
        found = way(stage)
        note(f"kill -9 of the control worker ({way.__name__})", [o.took_s for o in found])
        yield found


def test_every_run_completes_within_30_s(outcomes: list[Outcome]) -> None:
    assert max(outcome.took_s for outcome in outcomes) < PROMISED_S


def test_every_run_ends_once(outcomes: list[Outcome]) -> None:
    assert [outcome.endings for outcome in outcomes] == [1] * len(outcomes)


def test_every_vote_is_right(outcomes: list[Outcome]) -> None:
    assert {outcome.answered.told["answer"] for outcome in outcomes} == {"42"}


def test_every_trace_is_sampled_once(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        assert set(outcome.counts.values()) == {1}, outcome.name


def test_usage_counts_every_trace(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        assert outcome.answered.completion.usage.completion_tokens == outcome.finished_tokens, outcome.name
