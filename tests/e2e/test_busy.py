"""A service whose slots are all taken."""

import threading
import time
from collections.abc import Iterator

import pytest
from asking import post
from scripted_upstream import ScriptedUpstream, text
from service import Service, running

SLOTS = 2


@pytest.fixture(scope="module")
def small(upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with two slots."""
    settings = {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "WORKER_CONCURRENCY": str(SLOTS),
        "DEFAULT_MODEL": "m",
    }
    with running(tmp_path_factory.mktemp("small"), settings) as found:
        yield found


def test_a_deadline_holds_although_every_slot_is_busy(small: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: (
        text("word " * 100, token_s=0.05) if call.index < 2 else text("\\boxed{42}")
    )
    hog = threading.Thread(target=post, args=(small.url,), kwargs={"tts_budget": 2, "tts_deadline_s": 4})
    hog.start()
    upstream.wait_for(lambda calls: len(calls) == 2)
    started = time.monotonic()
    answer = post(small.url, tts_budget=4, tts_deadline_s=1)
    assert time.monotonic() - started < 1.5
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_passed")
    hog.join()


def test_traces_of_a_run_that_is_over_are_never_started(small: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: (
        text("word " * 100, token_s=0.04) if call.index < 2 else text("\\boxed{42}")
    )
    post(small.url, tts_budget=8, tts_deadline_s=2)
    post(small.url, tts_strategy="single")
    started_before_the_deadline = len(upstream.calls) - 1
    assert started_before_the_deadline <= SLOTS
