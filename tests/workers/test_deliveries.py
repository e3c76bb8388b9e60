"""When webhooks are sent, and by whom: what is written down with a run's ending."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from shell import RUN

from tts_core.model import Fault, Finish, Vote, Why
from tts_core.testing import request, trace
from workers import keys
from workers.announcing import response_status_of
from workers.deliveries import DELIVERED, FAILED, MOST, MOST_EACH, PENDING, Claim, Deliveries, Reply
from workers.records import Ending, Submission
from workers.runs import Runs

TTL_S = 60
SECRET_PROMPT = "the question"


@pytest.fixture
def deliveries(runs: Runs) -> Deliveries:
    """The record of webhooks."""
    return Deliveries(runs.store, TTL_S)


@pytest.fixture
def end(runs: Runs) -> Callable[..., None]:
    """Have a run end whose endpoint is to be told."""

    def act(run_id: str = RUN, webhook: str = "crm", ending: Ending | None = None) -> None:
        asked = request("self_consistency", budget=3)
        messages = ({"role": "user", "content": SECRET_PROMPT},)
        asked = replace(asked, sampling=replace(asked.sampling, messages=messages))
        shown = {"model": "m", "metadata": {"order": "7"}}
        runs.open(
            run_id, Submission(request=asked, created_s=1, deadline_s=2e9, shown=shown, webhook=webhook)
        )
        runs.end(run_id, ending or Ending())

    return act


def event_of(deliveries: Deliveries) -> dict[str, object]:
    """The event that is due."""
    (claim,) = deliveries.claim()
    parcel = deliveries.take(claim)
    assert parcel
    return dict(msgspec.json.decode(parcel.event))


def test_a_run_that_ends_is_due_to_be_told_of(deliveries: Deliveries, end: Callable[..., None]) -> None:
    end()
    assert deliveries.claim() == [Claim(RUN, 1)]


def test_a_run_without_an_endpoint_is_not(deliveries: Deliveries, end: Callable[..., None]) -> None:
    end(webhook="")
    assert deliveries.claim() == []
    assert not deliveries.store.exists(keys.webhook(RUN))


def test_only_the_first_ending_is_told_of(
    deliveries: Deliveries, runs: Runs, end: Callable[..., None]
) -> None:
    end()
    runs.end(RUN, Ending(why=Why.CANCELLED))
    assert event_of(deliveries)["type"] == "job.completed"


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (Ending(), "job.completed"),
        (Ending(fault=Fault("NoAnswer", "why", code="no_usable_trace")), "job.failed"),
        (Ending(why=Why.CANCELLED, fault=Fault("NoAnswer", "why")), "job.cancelled"),
    ],
)
def test_the_type_says_how_it_ended(
    deliveries: Deliveries, end: Callable[..., None], ending: Ending, kind: str
) -> None:
    end(ending=ending)
    assert event_of(deliveries)["type"] == kind


@pytest.mark.parametrize(
    ("finish", "status"),
    [(Finish.STOP, "completed"), (Finish.TOOL_CALLS, "completed"), (Finish.LENGTH, "incomplete")],
)
def test_a_response_whose_winner_was_cut_off_is_incomplete(finish: Finish, status: str) -> None:
    traces = (trace("41", index=0), replace(trace("42", index=1), finish=finish))
    assert response_status_of(Ending(vote=Vote(winners=(1,)), traces=traces)) == status


def test_a_response_without_a_vote_has_failed() -> None:
    assert response_status_of(Ending()) == "failed"


def test_an_event_of_a_batch_is_announced_once(deliveries: Deliveries) -> None:
    for _ in range(2):
        with deliveries.store.pipeline(transaction=True) as pipe:
            deliveries.announce("batch_1", "crm", b"{}", pipe)
            pipe.execute()
        deliveries.claim()
        deliveries.settle("batch_1", Reply(200), DELIVERED)
    assert deliveries.delivery("batch_1").attempts == 1


def test_an_event_has_the_clients_metadata_and_not_its_prompt(
    deliveries: Deliveries, end: Callable[..., None]
) -> None:
    end()
    data = event_of(deliveries)["data"]
    assert isinstance(data, dict)
    assert data["metadata"] == {"order": "7"}
    assert SECRET_PROMPT not in msgspec.json.encode(data).decode()


def test_what_is_claimed_is_nobody_elses(deliveries: Deliveries, end: Callable[..., None]) -> None:
    end()
    deliveries.claim()
    assert deliveries.claim() == []


def test_a_claim_whose_process_died_lapses(deliveries: Deliveries, end: Callable[..., None]) -> None:
    end()
    deliveries.lease_s = -1
    (before,) = deliveries.claim()
    (after,) = deliveries.claim()
    assert deliveries.take(before) is None
    assert deliveries.take(after)


def test_a_message_that_comes_again_after_the_attempt_does_nothing(
    deliveries: Deliveries, end: Callable[..., None]
) -> None:
    end()
    (claim,) = deliveries.claim()
    deliveries.settle(RUN, Reply(500), PENDING, 60)
    assert deliveries.take(claim) is None


def test_what_is_to_be_tried_again_is_due_after_its_wait(
    deliveries: Deliveries, end: Callable[..., None]
) -> None:
    end()
    deliveries.claim()
    deliveries.settle(RUN, Reply(500), PENDING, 60)
    assert deliveries.claim() == []
    deliveries.settle(RUN, Reply(500), PENDING, 0)
    assert deliveries.claim() == [Claim(RUN, 2)]


@pytest.mark.parametrize("status", [DELIVERED, FAILED])
def test_what_is_done_with_is_not_sent_again_and_its_event_is_gone(
    deliveries: Deliveries, end: Callable[..., None], status: str
) -> None:
    end()
    deliveries.claim()
    deliveries.settle(RUN, Reply(200), status)
    deliveries.settle(RUN, Reply(500), PENDING)
    assert deliveries.claim() == []
    assert not deliveries.store.hexists(keys.webhook(RUN), "event")


def test_an_endpoint_that_hangs_leaves_room_for_others(
    deliveries: Deliveries, end: Callable[..., None]
) -> None:
    for number in range(MOST):
        end(f"slow{number}", "slow")
    end("other", "crm")
    found = [claim.run_id for claim in deliveries.claim()]
    assert len(found) == MOST_EACH + 1
    assert "other" in found


def test_no_more_than_so_many_are_sent_at_once(deliveries: Deliveries, end: Callable[..., None]) -> None:
    for number in range(MOST + 1):
        end(f"run{number}", f"endpoint{number}")
    assert len(deliveries.claim()) == MOST


def test_an_event_outlives_its_next_attempt(deliveries: Deliveries, end: Callable[..., None]) -> None:
    end()
    deliveries.claim()
    deliveries.settle(RUN, Reply(500), PENDING, 86_400)
    assert deliveries.store.ttl(keys.webhook(RUN)) > 86_400


def test_what_was_deleted_is_not_sent(deliveries: Deliveries, end: Callable[..., None]) -> None:
    end()
    deliveries.store.delete(keys.webhook(RUN))
    assert deliveries.claim() == []
    assert not deliveries.store.exists(keys.WEBHOOKS)
