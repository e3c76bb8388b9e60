"""How a batch moves from its first line to its end, one look after the other."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tts_core.model import Fault, Usage, Vote, Why
from tts_core.testing import request
from workers import keys
from workers.batch import (
    Batch,
    End,
    Entry,
    Line,
    Refused,
    State,
    file_of,
    packed,
    run_of,
)
from workers.batches import Batches
from workers.dispatching import AHEAD, Dispatcher
from workers.records import Ending
from workers.roster import Roster
from workers.runs import Runs

SLOTS = 2
BATCH = Batch(
    id="batch_1",
    owner="me",
    input_file_id="file-1",
    endpoint="/v1/chat/completions",
    created_s=0.0,
    expires_s=2e10,
    keep_s=30,
    total=10,
)
VOTE = Vote(winners=(0,))
REFUSED = Refused(400, {"error": {"message": "No."}})

HandIn = Callable[..., Batch]


def entry(index: int, traces: int = 1) -> Entry:
    """A line that may ask for so many traces."""
    return Entry(f"line {index}", packed(Line(request("single"), {"model": "m"})), traces=traces)


@pytest.fixture
def batches(runs: Runs) -> Batches:
    """The record of batches."""
    return Batches(runs)


@pytest.fixture
def hand_in(batches: Batches) -> HandIn:
    """Write a batch down."""

    def handed_in(entries: list[Entry] | None = None, **changes: Any) -> Batch:
        found = entries or [entry(index) for index in range(BATCH.total)]
        batch = replace(BATCH, **{"total": len(found), **changes})
        batches.add(batch, found)
        return batch

    return handed_in


@pytest.fixture
def begun() -> list[str]:
    """The runs that were handed to the workers."""
    return []


@pytest.fixture
def dispatcher(runs: Runs, begun: list[str]) -> Dispatcher:
    """One that sees a batch worker of few slots."""
    Roster(runs.store).beat("b@h", {"queue": "batch", "slots": SLOTS}, time.time())
    return Dispatcher(runs, begun.append)


def end(runs: Runs, run_id: str, **how: Any) -> None:
    """End a run, with an answer unless it is said otherwise."""
    runs.end(run_id, Ending(**{"vote": VOTE, "usage": Usage(1, 2, 3), **how}))


def state(batches: Batches) -> State:
    """The batch as it stands."""
    found = batches.state(BATCH.id)
    assert found
    return found


def test_as_many_traces_are_asked_for_as_the_batch_workers_can_take(
    dispatcher: Dispatcher, hand_in: HandIn, begun: list[str]
) -> None:
    hand_in()
    dispatcher.look()
    dispatcher.look()
    assert begun == [run_of(BATCH.id, index) for index in range(AHEAD * SLOTS)]


def test_without_a_batch_worker_nothing_begins(
    dispatcher: Dispatcher, runs: Runs, hand_in: HandIn, begun: list[str]
) -> None:
    runs.store.delete(keys.WORKERS)
    hand_in()
    dispatcher.look()
    assert begun == []


def test_a_line_of_many_traces_takes_the_room_of_many(
    dispatcher: Dispatcher, hand_in: HandIn, begun: list[str]
) -> None:
    hand_in([entry(0, traces=512), entry(1)])
    dispatcher.look()
    assert begun == [run_of(BATCH.id, 0)]


def test_batches_share_the_room(dispatcher: Dispatcher, hand_in: HandIn, begun: list[str]) -> None:
    hand_in()
    hand_in(id="batch_2")
    dispatcher.look()
    share = AHEAD * SLOTS // 2
    assert begun == [run_of(name, index) for name in ("batch_1", "batch_2") for index in range(share)]


def test_the_next_line_begins_when_one_has_ended(
    dispatcher: Dispatcher, runs: Runs, hand_in: HandIn, begun: list[str]
) -> None:
    hand_in()
    dispatcher.look()
    end(runs, begun[2])
    dispatcher.look()
    assert begun[AHEAD * SLOTS :] == [run_of(BATCH.id, AHEAD * SLOTS)]


def test_lines_are_counted_by_what_became_of_them(
    dispatcher: Dispatcher, runs: Runs, hand_in: HandIn, begun: list[str], batches: Batches
) -> None:
    hand_in([entry(0), entry(1), entry(2), Entry("refused", refused=REFUSED)])
    dispatcher.look()
    end(runs, begun[0])
    end(runs, begun[1], vote=None, fault=Fault("NoAnswer", "No."))
    dispatcher.look()
    assert (state(batches).completed, state(batches).failed) == (1, 2)
    assert len(begun) == 3


def test_a_batch_ends_with_its_last_line(
    dispatcher: Dispatcher, runs: Runs, hand_in: HandIn, begun: list[str], batches: Batches
) -> None:
    hand_in([entry(0), entry(1)])
    dispatcher.look()
    end(runs, begun[0])
    dispatcher.look()
    assert state(batches).end is None
    end(runs, begun[1])
    dispatcher.look()
    assert (state(batches).end, state(batches).completed) == (End.COMPLETED, 2)
    assert state(batches).usage == Usage(2, 4, 6)
    assert batches.open() == []


def test_a_batch_whose_lines_are_all_refused_ends_at_once(
    dispatcher: Dispatcher, hand_in: HandIn, batches: Batches
) -> None:
    hand_in([Entry("refused", refused=REFUSED)])
    dispatcher.look()
    assert state(batches).files == {"errors": file_of(BATCH.id, "errors")}


def test_a_line_whose_run_was_deleted_has_failed(
    dispatcher: Dispatcher, runs: Runs, hand_in: HandIn, begun: list[str], batches: Batches
) -> None:
    hand_in([entry(0)])
    dispatcher.look()
    runs.store.delete(keys.run(begun[0]))
    dispatcher.look()
    assert (state(batches).end, state(batches).failed) == (End.COMPLETED, 1)


def test_a_line_that_was_only_written_down_is_begun(
    dispatcher: Dispatcher, runs: Runs, hand_in: HandIn, begun: list[str], batches: Batches
) -> None:
    batch = hand_in([entry(0)])

    def killed(_run_id: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Dispatcher(runs, killed).look()
    dispatcher.look()
    assert begun == [run_of(batch.id, 0)]
    assert runs.is_acknowledged(begun[0])


def test_a_line_that_was_handed_over_already_is_not_begun_again(
    dispatcher: Dispatcher, runs: Runs, hand_in: HandIn, begun: list[str]
) -> None:
    batch = hand_in([entry(0)])
    dispatcher.look()
    runs.store.delete(keys.batch(batch.id, "begun"))
    runs.store.hset(keys.batch(batch.id, "lines"), "0", entry(0).packed)
    dispatcher.look()
    assert len(begun) == 1


def test_two_that_look_at_once_begin_no_line_twice(
    dispatcher: Dispatcher, runs: Runs, hand_in: HandIn, begun: list[str], batches: Batches
) -> None:
    batch = hand_in()
    seen, bits = state(batches), batches.bits(batch)
    dispatcher.look()
    dispatcher.fill(seen, [], bits.waiting, AHEAD * SLOTS)
    assert len(begun) == len(set(begun)) == AHEAD * SLOTS


def test_a_line_lasts_until_its_batch_expires(
    dispatcher: Dispatcher, runs: Runs, hand_in: HandIn, begun: list[str]
) -> None:
    hand_in()
    dispatcher.look()
    submission = runs.load(begun[0]).submission
    assert submission.deadline_s == BATCH.expires_s
    assert (submission.owner, submission.source.value) == ("me", "batch")


def test_a_line_has_its_own_deadline_from_the_moment_it_begins(
    dispatcher: Dispatcher, runs: Runs, hand_in: HandIn, begun: list[str]
) -> None:
    asked = request("single")
    limited = replace(asked, limits=replace(asked.limits, deadline_s=5.0))
    hand_in([Entry("a", packed(Line(limited, {"model": "m"})))])
    dispatcher.look()
    submission = runs.load(begun[0]).submission
    assert submission.deadline_s == submission.created_s + 5.0


def test_a_cancelled_batch_has_its_lines_stopped_and_begins_no_more(
    dispatcher: Dispatcher, runs: Runs, hand_in: HandIn, begun: list[str], batches: Batches
) -> None:
    hand_in()
    dispatcher.look()
    end(runs, begun[0])
    batches.cancel(BATCH.id, time.time())
    dispatcher.look()
    assert [runs.load(run_id).stop for run_id in begun[1:]] == [Why.CANCELLED] * (AHEAD * SLOTS - 1)
    assert state(batches).end is None
    for run_id in begun[1:]:
        end(runs, run_id, vote=None, fault=Fault("NoAnswer", "No."))
    dispatcher.look()
    assert (state(batches).end, state(batches).completed) == (End.CANCELLED, 1)
    assert state(batches).failed == BATCH.total - 1
    assert len(begun) == AHEAD * SLOTS


def test_an_expired_batch_begins_no_more_and_ends_when_its_lines_have(
    dispatcher: Dispatcher, runs: Runs, hand_in: HandIn, begun: list[str], batches: Batches
) -> None:
    hand_in(expires_s=time.time() - 1)
    dispatcher.look()
    assert begun == []
    assert (state(batches).end, state(batches).failed) == (End.EXPIRED, BATCH.total)


def test_the_runs_of_a_batch_live_as_long_as_its_files(
    dispatcher: Dispatcher, runs: Runs, hand_in: HandIn, begun: list[str], batches: Batches
) -> None:
    hand_in([entry(0), entry(1)])
    dispatcher.look()
    end(runs, begun[0])
    dispatcher.look()
    assert runs.store.ttl(keys.run(begun[0])) > BATCH.keep_s
    end(runs, begun[1])
    dispatcher.look()
    for name in (keys.run(begun[0]), keys.run(begun[1], "ending"), keys.batch(BATCH.id)):
        assert 0 < runs.store.ttl(name) <= BATCH.keep_s


def test_a_batch_that_cannot_be_read_holds_up_no_other(
    dispatcher: Dispatcher, runs: Runs, hand_in: HandIn, begun: list[str]
) -> None:
    hand_in(id="batch_0")
    runs.store.set(keys.batch("batch_0", "table"), b"nonsense")
    hand_in()
    dispatcher.look()
    assert begun
    assert set(begun) <= {run_of(BATCH.id, index) for index in range(BATCH.total)}


def test_writing_a_batch_down_twice_changes_nothing(hand_in: HandIn, batches: Batches) -> None:
    hand_in()
    hand_in(created_s=5.0)
    assert state(batches).batch == BATCH
    assert batches.table(BATCH.id).custom_ids == tuple(f"line {n}" for n in range(BATCH.total))
