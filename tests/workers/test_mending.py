"""What a fault has left undone is found and mended by a look."""

import json
import time
from base64 import b64encode

import pytest
from shell import RUN, Published, answered, keep, submit

from tts_core.model import Why
from tts_core.testing import request
from workers import janitor, rules
from workers.claims import Claims
from workers.json_fields import encode
from workers.records import Holding, Submission
from workers.rounds import Rounds
from workers.runs import Runs


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing at the first look is lost."""
    monkeypatch.setattr(janitor, "SURE_AFTER_S", 0.0)


def message(*args: object) -> str:
    """A task's message as it lies in the broker."""
    return json.dumps({"body": b64encode(json.dumps([args, {}, {}]).encode()).decode()})


def look_twice(rounds: Rounds) -> None:
    rounds.look(RUN)
    rounds.look(RUN)


def test_a_full_round_whose_callback_was_lost_is_closed(runs: Runs, rounds: Rounds) -> None:
    submit(runs)
    rounds.step(RUN)
    keep(runs, *map(answered, range(3)))
    rounds.look(RUN)
    ending = runs.ending(RUN)
    assert ending is not None
    assert (ending.why, len(ending.traces)) == (Why.COMPLETE, 3)


def test_a_run_that_ended_after_a_look_is_not_remembered_for_ever(
    runs: Runs, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(janitor, "FORGOTTEN_S", 0.0)
    submit(runs)
    rounds.step(RUN)
    rounds.janitor.lost("ended", runs.load(RUN), 0)
    rounds.janitor.lost(RUN, runs.load(RUN), 0)
    assert [run_id for run_id, _ in rounds.janitor.missing_since] == [RUN]


def test_a_run_whose_beginning_was_lost_begins(runs: Runs, rounds: Rounds, published: Published) -> None:
    submit(runs)
    rounds.look(RUN)
    assert published == [(RUN, 0, [0, 1, 2])]


def test_a_run_that_nobody_was_told_of_does_not_begin(
    runs: Runs, rounds: Rounds, published: Published
) -> None:
    submit(runs)
    runs.store.hdel(f"chorus:run:{RUN}", "acknowledged")
    rounds.look(RUN)
    assert published == []


@pytest.mark.usefixtures("impatient")
def test_traces_that_nobody_has_are_sent_again(runs: Runs, rounds: Rounds, published: Published) -> None:
    submit(runs)
    rounds.step(RUN)
    keep(runs, answered(0))
    Claims(runs, "alive").tell({RUN: Holding(time.time(), (1,))})
    rounds.look(RUN)
    assert published[1:] == [(RUN, 0, [2])]


@pytest.mark.usefixtures("impatient")
def test_a_run_of_which_something_was_sent_again_is_closed_soon(runs: Runs, rounds: Rounds) -> None:
    submit(runs)
    rounds.step(RUN)
    look_twice(rounds)
    assert runs.due(time.time() + 1.0) == [RUN]


@pytest.mark.usefixtures("impatient")
def test_a_trace_that_waits_in_the_queue_is_not_lost(
    runs: Runs, rounds: Rounds, published: Published
) -> None:
    submit(runs)
    rounds.step(RUN)
    for index in range(3):
        runs.store.lpush("sample", message(RUN, 0, index))
    rounds.look(RUN)
    assert len(published) == 1


@pytest.mark.usefixtures("impatient")
def test_a_trace_in_a_dead_workers_hands_is_left_to_the_lease(
    runs: Runs, rounds: Rounds, published: Published
) -> None:
    submit(runs)
    rounds.step(RUN)
    for index in range(3):
        runs.store.hset("unacked", f"tag{index}", json.dumps([json.loads(message(RUN, 0, index)), "", ""]))
    rounds.look(RUN)
    assert len(published) == 1


def test_a_trace_that_is_missing_once_may_be_on_its_way(
    runs: Runs, rounds: Rounds, published: Published
) -> None:
    submit(runs)
    rounds.step(RUN)
    rounds.look(RUN)
    assert len(published) == 1


def test_a_chord_over_some_traces_does_not_close_the_round(runs: Runs, rounds: Rounds) -> None:
    submit(runs)
    rounds.step(RUN)
    keep(runs, answered(2))
    rounds.collected(RUN, 0)
    assert runs.load(RUN).closings == ()


def test_a_run_that_nobody_waits_for_any_more_is_cancelled(runs: Runs, rounds: Rounds) -> None:
    submit(runs, inbox="inbox")
    rounds.step(RUN)
    keep(runs, answered(0))
    runs.store.hset(f"chorus:run:{RUN}", mapping={"waiting": 0, "orphaned": time.time() - 1})
    look_twice(rounds)
    ending = runs.ending(RUN)
    assert ending is not None
    assert ending.why is Why.CANCELLED


def test_a_run_that_somebody_came_back_to_goes_on(runs: Runs, rounds: Rounds) -> None:
    submit(runs, inbox="inbox")
    rounds.step(RUN)
    runs.store.hset(f"chorus:run:{RUN}", mapping={"waiting": 1, "orphaned": time.time() - 1})
    look_twice(rounds)
    assert runs.load(RUN).stop is None


def test_a_strategy_that_changed_its_plans_under_a_run_ends_it_with_the_traces_it_has(
    runs: Runs, rounds: Rounds
) -> None:
    submit(runs)
    rounds.step(RUN)
    keep(runs, *map(answered, range(3)))
    changed = request("self_consistency", budget=4)
    now = time.time()
    other = Submission(request=changed, created_s=now, deadline_s=now + 60)
    runs.store.hset(f"chorus:run:{RUN}", "submission", encode(other))
    rounds.close(RUN, 0, Why.COMPLETE)
    ending = runs.ending(RUN)
    assert ending is not None
    assert ending.vote is not None
    assert ending.vote.weighted_answer == "42"
    assert "changed under a run" in ending.vote.warnings[-1]


def test_rules_that_changed_without_changing_a_plan_are_told(runs: Runs, rounds: Rounds) -> None:
    submit(runs)
    rounds.step(RUN)
    runs.store.hset(f"chorus:run:{RUN}", "rules", "those of last week")
    keep(runs, *map(answered, range(3)))
    rounds.close(RUN, 0, Why.COMPLETE)
    ending = runs.ending(RUN)
    assert ending is not None
    assert any("updated" in warning for warning in ending.warnings)


def test_the_rules_of_a_run_are_those_of_the_code_that_began_it(runs: Runs, rounds: Rounds) -> None:
    submit(runs)
    rounds.step(RUN)
    assert runs.load(RUN).rules == rules.rules_of("self_consistency")
