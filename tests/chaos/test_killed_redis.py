"""kill -9 of Redis; the supervisor starts it again with its append-only file."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import httpx
import pytest
from asking import post
from chaos.asking import questions
from chaos.faults import Fleet, until
from chaos.measured import ATTEMPTS, PROMISED_S, note
from chaos.stage import MOMENTS, OFFLINE, Outcome, Stage, settle
from scripted_upstream import ScriptedUpstream
from service import Service

BURST = 50
PROMPTLY_S = 5.0
SMALL = {**OFFLINE, "tts_budget": 2}


class Seen(NamedTuple):
    """What was seen while Redis was away, and what became of the runs."""

    health: httpx.Response
    ready: httpx.Response
    asked: httpx.Response
    handed_in: httpx.Response
    outcomes: list[Outcome]
    others_before: set[int]
    others_after: set[int]


def others(fleet: Fleet) -> set[int]:
    """The processes beside Redis."""
    return {process.pid for process in (fleet.control, fleet.web, *fleet.samplers, *fleet.web_workers)}


@pytest.fixture(scope="module")
def seen(service: Service, upstream_server: ScriptedUpstream) -> Iterator[Seen]:
    """Redis was killed under runs at every moment; their traces ended while it was away."""
    with Stage.of(service, upstream_server) as stage:
        playing = stage.bring_to(MOMENTS)
        before = others(stage.fleet)
        killed_s = stage.fleet.redis.kill()
        found = (
            httpx.get(f"{service.url}/health", timeout=30),
            httpx.get(f"{service.url}/ready", timeout=30),
            post(service.url),
            post(service.url, "/v1/jobs"),
        )
        stage.script.release()
        outcomes = settle(playing, killed_s)
        note("kill -9 of Redis", [outcome.took_s for outcome in outcomes])
        until(stage.fleet.is_whole)
        yield Seen(*found, outcomes, before, others(stage.fleet))


def test_every_run_completes_within_30_s(seen: Seen) -> None:
    assert max(outcome.took_s for outcome in seen.outcomes) < PROMISED_S


def test_every_run_ends_once_and_rightly(seen: Seen) -> None:
    assert {(found.endings, found.answered.told["answer"]) for found in seen.outcomes} == {(1, "42")}


def test_no_trace_is_sampled_twice(seen: Seen) -> None:
    assert {count for outcome in seen.outcomes for count in outcome.counts.values()} == {1}


@pytest.mark.parametrize("request_", ["asked", "handed_in"])
def test_new_requests_are_told_to_come_again(seen: Seen, request_: str) -> None:
    response: httpx.Response = getattr(seen, request_)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert response.elapsed.total_seconds() < PROMPTLY_S


def test_the_web_is_healthy_but_not_ready(seen: Seen) -> None:
    assert (seen.health.status_code, seen.ready.status_code) == (200, 503)
    assert seen.ready.elapsed.total_seconds() < PROMPTLY_S


def test_nothing_else_has_to_be_restarted(seen: Seen) -> None:
    assert seen.others_after == seen.others_before


@pytest.mark.chaos
@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_runs_go_on_whenever_redis_is_killed(stage: Stage, attempt: int) -> None:
    playing, killed_s = stage.strike_at_some_moment(lambda: [stage.fleet.redis])
    outcomes = settle(playing, killed_s)
    note("kill -9 of Redis at some moment", [outcome.took_s for outcome in outcomes])
    assert max(outcome.took_s for outcome in outcomes) < PROMISED_S
    assert {(found.endings, found.answered.told["answer"]) for found in outcomes} == {(1, "42")}
    assert {count for outcome in outcomes for count in outcome.counts.values()} == {1}


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_no_acknowledged_job_is_lost(stage: Stage, attempt: int) -> None:
    with ThreadPoolExecutor(BURST) as threads:
        ids = list(threads.map(lambda q: stage.asking.submit(q, **SMALL), questions(*["job"] * BURST)))
    killed_s = stage.fleet.redis.kill()
    until(stage.fleet.is_whole)
    jobs = [until(partial(stage.asking.ended, job_id)) for job_id in ids]
    note("kill -9 of Redis after a burst of 50 jobs", [time.monotonic() - killed_s])
    assert [(job["status"], job["error"]) for job in jobs] == [("completed", None)] * BURST
    assert {job["result"]["choices"][0]["tts_metadata"]["answer"] for job in jobs} == {"42"}
