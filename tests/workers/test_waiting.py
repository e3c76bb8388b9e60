"""Who waits for a run, and what becomes of one that nobody waits for."""

import pytest
from shell import RUN, submit

from tts_core.model import Why
from workers.jobs import Jobs, Use
from workers.rounds import Rounds
from workers.runs import Runs


@pytest.fixture
def jobs(runs: Runs) -> Jobs:
    """The runs of all owners."""
    return Jobs(runs)


@pytest.fixture
def abandoned(runs: Runs, rounds: Rounds, jobs: Jobs) -> None:
    """RUN was cancelled because its client stayed away."""
    submit(runs, inbox="web")
    rounds.step(RUN)
    jobs.part(RUN, 0.0)
    rounds.look(RUN)
    assert runs.load(RUN).stop is Why.CANCELLED


@pytest.mark.usefixtures("abandoned")
def test_who_asks_again_too_late_is_not_led_to_the_run_that_was_cancelled(jobs: Jobs) -> None:
    jobs.ask("", "body", RUN, 60)
    assert jobs.asked("", "body") == ""


@pytest.mark.usefixtures("abandoned")
def test_a_key_whose_run_was_abandoned_is_for_a_new_one_from_then_on(jobs: Jobs) -> None:
    jobs.once("", "key", Use(RUN, "body"))
    anew = Use("r2", "body")
    assert jobs.once("", "key", anew) == anew
    assert jobs.once("", "key", Use("r3", "body")) == anew


@pytest.mark.usefixtures("abandoned")
def test_a_key_whose_run_was_abandoned_is_not_for_another_body(jobs: Jobs) -> None:
    jobs.once("", "key", Use(RUN, "body"))
    assert jobs.once("", "key", Use("r2", "other")) == Use(RUN, "body")


def test_two_who_hand_in_the_same_run_at_once_both_wait_for_it(runs: Runs, jobs: Jobs) -> None:
    submit(runs, inbox="one")
    submit(runs, inbox="other")
    jobs.part(RUN, 0.0)
    assert runs.load(RUN).orphaned_s is None


def test_a_run_that_was_cancelled_by_its_owner_is_the_answer(runs: Runs, jobs: Jobs) -> None:
    submit(runs, inbox="web")
    runs.stop(RUN, Why.CANCELLED)
    jobs.ask("", "body", RUN, 60)
    assert jobs.asked("", "body") == RUN


def test_names_of_runs_that_are_gone_are_listed_no_more(runs: Runs, jobs: Jobs) -> None:
    submit(runs)
    submission = runs.load(RUN).submission
    for name in ("old", RUN, "older"):
        jobs.add(name, submission)
    assert [job.id for job in jobs.listed("")] == [RUN]
    assert runs.store.zrange("chorus:jobs:", 0, -1) == [RUN.encode()]
