"""Redis has no memory left (maxmemory, noeviction), or its disk takes no more (a limit on its files)."""

import resource
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import httpx
import pytest
from asking import post
from chaos.faults import Process, until
from chaos.stage import MOMENTS, OFFLINE, Outcome, Stage, settle
from scripted_upstream import ScriptedUpstream
from service import Service

PROMPTLY_S = 5.0
FILES = "appendonlydir/*.incr.aof"


@contextmanager
def no_memory(stage: Stage) -> Iterator[None]:
    """Every write is refused."""
    stage.record.store.config_set("maxmemory", 1)
    yield
    stage.record.store.config_set("maxmemory", 0)


@contextmanager
def no_disk(stage: Stage) -> Iterator[None]:
    """The append-only file cannot grow."""
    server = stage.fleet.redis
    (file,) = stage.service.data_dir.glob(FILES)
    limit_files(server, file.stat().st_size)
    until(lambda: disk_state(stage) == "err")
    yield
    limit_files(server, resource.RLIM_INFINITY)
    until(lambda: disk_state(stage) == "ok")


def limit_files(process: Process, size_bytes: int) -> None:
    """Let a process write files of this size at most. It ignores the signal for it, as Python does,
    which started it."""
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size_bytes, hard))


def disk_state(stage: Stage) -> str:
    """How the last write to the append-only file went."""
    persistence: Any = stage.record.store.info("persistence")
    return str(persistence["aof_last_write_status"])


class Seen(NamedTuple):
    """What was seen while there was no room, and what became of the runs."""

    asked: httpx.Response
    handed_in: httpx.Response
    old_job: str
    outcomes: list[Outcome]
    jobs_after_restart: list[str]


def refused(stage: Stage) -> int:
    """How many of those commands were refused with which a finished trace is kept."""
    stats: Any = stage.record.store.info("commandstats")
    return int(stats["cmdstat_hsetnx"]["rejected_calls"])


Fault = Callable[[Stage], AbstractContextManager[None]]


@pytest.fixture(scope="module", params=[no_memory, no_disk])
def seen(
    request: pytest.FixtureRequest, service: Service, upstream_server: ScriptedUpstream
) -> Iterator[Seen]:
    """The traces of runs at every moment ended while there was no room; then Redis was killed."""
    fault: Fault = request.param
    with Stage.of(service, upstream_server) as stage:
        before = stage.begin("before", OFFLINE).outcome(0.0)
        playing = stage.bring_to(MOMENTS)
        with fault(stage):
            asked, handed_in = post(service.url), post(service.url, "/v1/jobs")
            old_job = stage.asking.job(before.answered.run_id)["status"]
            before_release = refused(stage)
            stage.script.release()
            until(lambda: refused(stage) > before_release)
        outcomes = settle(playing, 0.0)
        stage.fleet.redis.kill()
        until(stage.fleet.is_whole)
        jobs = [stage.asking.job(outcome.answered.run_id)["status"] for outcome in [before, *outcomes]]
        yield Seen(asked, handed_in, old_job, outcomes, jobs)


@pytest.mark.parametrize("request_", ["asked", "handed_in"])
def test_new_requests_are_told_that_the_store_is_full(seen: Seen, request_: str) -> None:
    response: httpx.Response = getattr(seen, request_)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "store_is_full")
    assert int(response.headers["Retry-After"]) > 0
    assert response.elapsed.total_seconds() < PROMPTLY_S


def test_what_is_written_down_can_be_read(seen: Seen) -> None:
    assert seen.old_job == "completed"


def test_no_finished_trace_is_lost(seen: Seen) -> None:
    assert {count for outcome in seen.outcomes for count in outcome.counts.values()} == {1}


def test_runs_go_on_when_there_is_room_again(seen: Seen) -> None:
    assert {(found.endings, found.answered.told["answer"]) for found in seen.outcomes} == {(1, "42")}


def test_nothing_is_corrupted(seen: Seen) -> None:
    assert seen.jobs_after_restart == ["completed"] * (1 + len(MOMENTS))
