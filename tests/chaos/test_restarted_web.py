"""The web is restarted with requests waiting: SDK clients get their answers by asking again."""

import signal
from collections.abc import Callable, Iterator

import pytest
from chaos.faults import until
from chaos.measured import note
from chaos.stage import MOMENTS, OFFLINE, Outcome, Playing, Stage, settle
from scripted_upstream import ScriptedUpstream
from service import Service

QUICK = {**OFFLINE, "tts_budget": 2}
NEW_CLIENTS = 8


def rejoined(playing: list[Playing]) -> bool:
    """Whether every client waits for its run again."""
    return all(run.stage.record.run(run.run_id).waiting >= 2 for run in playing)


def rolling(stage: Stage) -> list[Outcome]:
    """SIGHUP: a new process serves new clients while the old one waits for its own."""
    playing = stage.bring_to(MOMENTS, retries=2)
    before = {process.pid for process in stage.fleet.web_workers}
    stage.fleet.web.send(signal.SIGHUP)
    more = [stage.begin("newcomer", QUICK, retries=2) for _ in range(NEW_CLIENTS)]
    until(lambda: {process.pid for process in stage.fleet.web_workers} - before)
    more += [stage.begin("newcomer", QUICK, retries=2) for _ in range(NEW_CLIENTS)]
    stage.script.release()
    return settle([*playing, *more], 0.0)


def killed_worker(stage: Stage) -> list[Outcome]:
    """kill -9 of the process that holds the requests."""
    playing = stage.bring_to(MOMENTS, retries=2)
    killed_s = max(process.kill() for process in stage.fleet.web_workers)
    until(lambda: rejoined(playing))
    stage.script.release()
    return settle(playing, killed_s)


def killed_master(stage: Stage) -> list[Outcome]:
    """kill -9 of gunicorn's master; for about 3 s nobody listens."""
    playing = stage.bring_to(MOMENTS, retries=4)
    killed_s = stage.fleet.web.kill()
    until(lambda: rejoined(playing))
    stage.script.release()
    return settle(playing, killed_s)


Way = Callable[[Stage], list[Outcome]]


@pytest.fixture(scope="module", params=[rolling, killed_worker, killed_master])
def outcomes(
    request: pytest.FixtureRequest, service: Service, upstream_server: ScriptedUpstream
) -> Iterator[list[Outcome]]:
    """What became of the runs; a client that got an error raises it here."""
    with Stage.of(service, upstream_server) as stage:
        found = request.param(stage)
        if request.param is not rolling:
            note(f"kill -9 of the web ({request.param.__name__})", [outcome.took_s for outcome in found])
        yield found


def test_every_sdk_client_gets_its_answer(outcomes: list[Outcome]) -> None:
    assert {outcome.answered.told["answer"] for outcome in outcomes} == {"42"}


def test_every_trace_is_sampled_once(outcomes: list[Outcome]) -> None:
    for outcome in outcomes:
        assert set(outcome.counts.values()) == {1}, outcome.name


def test_every_run_ends_once(outcomes: list[Outcome]) -> None:
    assert [outcome.endings for outcome in outcomes] == [1] * len(outcomes)
