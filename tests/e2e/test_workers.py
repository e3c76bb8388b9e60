"""Workers come and go: a new one takes part at once, one that leaves hands back its work."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import redis
from asking import post
from scripted_upstream import Call, ScriptedUpstream, text
from service import Service, clean_environment, running

SLOTS = 3
RUN = {"tts_budget": 8, "seed": 7, "tts_strategy": "self_consistency"}


@pytest.fixture
def settings(upstream_server: ScriptedUpstream) -> dict[str, str]:
    """Of a service with few slots."""
    return {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "WORKER_CONCURRENCY": str(SLOTS),
        "DEFAULT_MODEL": "m",
        "DRAIN_S": "0.5",
    }


@pytest.fixture
def small(settings: dict[str, str], tmp_path: Path) -> Iterator[Service]:
    """A service with one sampling worker of few slots."""
    with running(tmp_path, settings) as found:
        yield found


@contextmanager
def another_worker(service: Service, settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`chorus worker` beside the service's own; killed in the end if it still runs."""
    environment = {**clean_environment(), **settings, "CHORUS_DATA_DIR": str(service.data_dir)}
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli", "worker"],
        cwd=Path(__file__).parent.parent.parent,
        env=environment,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def alive(service: Service) -> dict[str, dict[str, object]]:
    """The workers that /ready tells of, without their host."""
    told = httpx.get(f"{service.url}/ready").json()["parts"]["workers"]["alive"]
    return {name.partition("@")[0]: facts for name, facts in told.items()}


def running_now(calls: list[Call]) -> int:
    return sum(call.ended_s is None for call in calls)


def test_a_new_worker_takes_part_at_once_and_hands_back_its_work_when_it_leaves(
    small: Service, settings: dict[str, str], upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: text("word " * 40 + "\\boxed{42}", token_s=0.1)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(post, small.url, **RUN)
        upstream.wait_for(lambda calls: running_now(calls) == SLOTS)
        with another_worker(small, settings) as another:
            upstream.wait_for(lambda calls: running_now(calls) == 2 * SLOTS)
            assert alive(small)[f"sample-{another.pid}"]["slots"] == SLOTS
            os.kill(another.pid, signal.SIGTERM)
            assert another.wait(10) == 0
        assert f"sample-{another.pid}" not in alive(small)
        answer = asked.result(60).json()
    told = answer["choices"][0]["tts_metadata"]
    assert (told["num_traces"], told["answer"]) == (8, "42")
    seeds = [call.body["seed"] for call in upstream.calls if call.done]
    assert sorted(seeds) == sorted(set(seeds))
    assert answer["usage"]["completion_tokens"] == sum(call.tokens_sent for call in upstream.calls)


def test_what_is_handed_back_comes_before_what_has_not_begun(
    small: Service, settings: dict[str, str], upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: text("word " * 30 + "\\boxed{42}", token_s=0.1)
    first, second = {"seed": 100}, {"seed": 900_000_000}
    small_run = {"tts_strategy": "self_consistency", "tts_budget": 2 * SLOTS}
    with ThreadPoolExecutor(2) as pool, another_worker(small, settings) as another:
        wait_until_ready_with(small, f"sample-{another.pid}")
        begun = pool.submit(post, small.url, **small_run, **first)
        upstream.wait_for(lambda calls: running_now(calls) == 2 * SLOTS)
        queued = pool.submit(post, small.url, **small_run, **second)
        wait_until_queued(small, 2 * SLOTS)
        os.kill(another.pid, signal.SIGTERM)
        calls = upstream.wait_for(lambda calls: len(calls) >= 3 * SLOTS, timeout_s=20)
        assert [call.body["seed"] < second["seed"] for call in calls[: 3 * SLOTS]] == [True] * 3 * SLOTS
        assert begun.result(60).status_code == queued.result(60).status_code == 200


def wait_until_ready_with(service: Service, name: str) -> None:
    while name not in alive(service):
        pass


def wait_until_queued(service: Service, traces: int) -> None:
    with redis.Redis.from_url(service.store_url) as store:
        while store.llen("sample") < traces:
            pass
