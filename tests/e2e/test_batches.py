"""Batches beside interactive work, among several clients, and when processes are killed."""

import threading
import time
from collections.abc import Iterator
from statistics import median
from uuid import uuid4

import httpx
import pytest
import redis
from asking import post
from batching import Json, ended, hand_in, line, read, until
from chaos.faults import Fleet
from chaos.faults import until as until_true
from jobs import KEYS
from openai import APIStatusError, NotFoundError, OpenAI
from scripted_upstream import Call, Reply, ScriptedUpstream, hang, text
from service import Service, running

from tts_core.testing import request
from workers import keys
from workers.batch import Batch, Entry, Line, packed
from workers.batches import Batches
from workers.dispatching import AHEAD
from workers.runs import Runs

SLOTS = 4
BATCH_WORDS = "word " * 10
NEXT_WITHIN_S = 1.0


@pytest.fixture(scope="module")
def narrow(
    upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service with few slots for batches."""
    settings = {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "BATCH_CONCURRENCY": str(SLOTS),
        "DEFAULT_MODEL": "m",
    }
    with running(tmp_path_factory.mktemp("narrow"), settings) as found:
        yield found


@pytest.fixture
def fleet(narrow: Service) -> Fleet:
    """Its processes, all there."""
    found = Fleet(narrow, 1)
    until_true(found.is_whole)
    until_true(lambda: found.named("worker", "batch@%h"))
    return found


@pytest.fixture
def batches(narrow: Service) -> Iterator[OpenAI]:
    """Its client; what a test has handed in does not go on beyond it."""
    with OpenAI(base_url=narrow.base_url, api_key="any", max_retries=5) as found:
        yield found
        going = [batch for batch in found.batches.list() if batch.status == "in_progress"]
        for batch in going:
            found.batches.cancel(batch.id)
        for batch in going:
            ended(found, batch)


def slow(count: int) -> list[Json]:
    """Lines of a batch that the upstream knows by their words."""
    return [
        line(f"n{n}", messages=[{"role": "user", "content": f"batch line {n}"}], max_tokens=n + 1)
        for n in range(count)
    ]


def is_of_a_batch(call: Call) -> bool:
    return str(call.body["messages"][-1]["content"]).startswith("batch line")


def took_s(service: Service) -> float:
    """How long an interactive request takes."""
    started_s = time.monotonic()
    assert post(service.url, tts_budget=4, tts_strategy="self_consistency").status_code == 200
    return time.monotonic() - started_s


@pytest.mark.parametrize("reply", [hang(2), text("\\boxed{1}")], ids=["that hang", "that take no time"])
def test_an_interactive_request_takes_as_long_beside_a_batch_of_lines_as_alone(
    narrow: Service, batches: OpenAI, upstream: ScriptedUpstream, reply: Reply
) -> None:
    upstream.reply = lambda call: reply if is_of_a_batch(call) else text("\\boxed{42}", token_s=0.05)
    alone_s = median(took_s(narrow) for _ in range(5))
    hand_in(batches, slow(1000))
    upstream.wait_for(lambda calls: sum(map(is_of_a_batch, calls)) >= SLOTS)
    beside_s = median(took_s(narrow) for _ in range(5))
    assert beside_s < alone_s + 0.2


def test_a_batch_goes_on_beside_interactive_requests(
    narrow: Service, batches: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda call: text("\\boxed{42}", token_s=0.02)
    enough = threading.Event()

    def ask_and_ask() -> None:
        while not enough.is_set():
            took_s(narrow)

    askers = [threading.Thread(target=ask_and_ask) for _ in range(8)]
    for asker in askers:
        asker.start()
    batch = ended(batches, hand_in(batches, slow(40)))
    enough.set()
    for asker in askers:
        asker.join()
    assert batch.request_counts.completed == 40


def test_only_so_many_lines_are_open_at_once(
    narrow: Service, batches: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: text(BATCH_WORDS, token_s=0.02)
    batch = hand_in(batches, slow(60))
    most = 0
    with redis.Redis.from_url(narrow.store_url) as store:
        while batches.batches.retrieve(batch.id).status == "in_progress":
            most = max(most, store.zcard(keys.DEADLINES))
    assert SLOTS <= most <= AHEAD * SLOTS
    assert most_at_once(upstream.calls) <= SLOTS


def most_at_once(calls: list[Call]) -> int:
    """How many calls were in flight at the busiest moment."""
    return max(
        sum(other.started_s <= call.started_s < (other.ended_s or 0) for other in calls) for call in calls
    )


def test_when_a_line_has_ended_the_next_begins_within_a_second(
    batches: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: text(BATCH_WORDS, token_s=0.02)
    ended(batches, hand_in(batches, slow(60)))
    freed_s = sorted(call.ended_s or 0 for call in upstream.calls)
    begun_s = sorted(call.started_s for call in upstream.calls)[SLOTS:]
    waits_s = [begun - freed for begun, freed in zip(begun_s, freed_s, strict=False)]
    assert max(waits_s) < NEXT_WITHIN_S


@pytest.mark.parametrize("calls_before", [1, 12, 30])
def test_a_batch_survives_the_death_of_the_control_worker_and_pays_for_no_line_twice(
    batches: OpenAI, fleet: Fleet, upstream: ScriptedUpstream, calls_before: int
) -> None:
    upstream.reply = lambda _call: text(BATCH_WORDS, token_s=0.02)
    batch = hand_in(batches, slow(40))
    upstream.wait_for(lambda calls: len(calls) >= calls_before)
    fleet.control.kill()
    batch = ended(batches, batch)
    assert (batch.status, batch.request_counts.completed) == ("completed", 40)
    assert len(read(batches, batch.output_file_id)) == 40
    assert len(upstream.calls) == 40


def test_a_batch_survives_the_death_of_its_worker(
    batches: OpenAI, fleet: Fleet, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: text(BATCH_WORDS, token_s=0.02)
    batch = hand_in(batches, slow(40))
    upstream.wait_for(lambda calls: len(calls) >= 12)
    fleet.named("worker", "batch@%h")[0].kill()
    batch = ended(batches, batch)
    assert (batch.status, batch.request_counts.completed) == ("completed", 40)
    assert len(upstream.calls) <= 40 + SLOTS


def test_a_batch_survives_the_death_of_redis(
    batches: OpenAI, fleet: Fleet, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: text(BATCH_WORDS, token_s=0.02)
    batch = hand_in(batches, slow(60))
    until(batches, batch.id, lambda found: found.request_counts.completed >= 20)
    fleet.redis.kill()
    batch = ended(batches, batch)
    assert (batch.status, batch.request_counts.completed) == ("completed", 60)
    assert len(read(batches, batch.output_file_id)) == 60


def test_lines_that_had_no_time_are_told_as_expired(narrow: Service, batches: OpenAI) -> None:
    now_s = time.time()
    found = Batch(
        id=f"batch_{uuid4().hex}",
        owner="",
        input_file_id="file-1",
        endpoint="/v1/chat/completions",
        created_s=now_s - 2,
        expires_s=now_s - 1,
        keep_s=60,
        total=2,
    )
    waiting = packed(Line(request("single"), {"model": "m"}))
    with redis.Redis.from_url(narrow.store_url) as store:
        Batches(Runs(store, 60)).add(found, [Entry("a", waiting), Entry("b", waiting)])
    batch = ended(batches, found)
    assert (batch.status, batch.request_counts.failed) == ("expired", 2)
    assert batch.expired_at
    rows = read(batches, batch.error_file_id)
    told = {name: (row["response"], row["error"]["code"]) for name, row in rows.items()}
    assert told == {"a": (None, "batch_expired"), "b": (None, "batch_expired")}


def test_a_missing_batch_worker_is_told_and_keeps_nobody_from_being_served(narrow: Service) -> None:
    with redis.Redis.from_url(narrow.store_url) as store:

        def told_without_it() -> httpx.Response | None:
            names = [name for name in store.hkeys(keys.WORKERS) if name.startswith(b"batch")]
            store.hdel(keys.WORKERS, *names) if names else None
            answer = httpx.get(f"{narrow.url}/ready")
            return answer if "note" in answer.json()["parts"]["workers"] else None

        answer = until_true(told_without_it)
    assert answer
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert "batches wait" in answer.json()["parts"]["workers"]["note"]


def test_batches_and_files_are_their_owners_alone(shared: Service, upstream: ScriptedUpstream) -> None:
    with (
        OpenAI(base_url=shared.base_url, api_key=KEYS[0]) as one,
        OpenAI(base_url=shared.base_url, api_key=KEYS[1]) as other,
    ):
        batch = ended(one, hand_in(one, slow(1)))
        for ask, name in [
            (other.batches.retrieve, batch.id),
            (other.batches.cancel, batch.id),
            (other.files.retrieve, batch.input_file_id),
            (other.files.content, batch.output_file_id),
            (other.files.delete, batch.output_file_id),
        ]:
            with pytest.raises(NotFoundError):
                ask(name)
        with pytest.raises(APIStatusError):
            other.batches.create(
                input_file_id=batch.input_file_id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
            )
        assert other.batches.list().data == []
        assert other.files.list().data == []
        assert len(read(one, batch.output_file_id)) == 1
