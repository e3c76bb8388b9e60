"""Responses in the background, and streams of responses, through the official Python SDK."""

from collections.abc import Iterator
from typing import Any

import pytest
from jobs import Jobs
from openai import APIStatusError, BadRequestError, ConflictError, OpenAI
from responding import OSLO, PARIS, RUNNING, TOOL, City, called, polled, respond
from scripted_upstream import Call, Reply, ScriptedUpstream, error, hang, reasoning, text
from service import Service

LONG = "Six times seven, as everybody knows: " + "ü" * 100 + " \\boxed{42}"


@pytest.fixture
def jobs(service: Service) -> Iterator[Jobs]:
    """The same runs as jobs."""
    found = Jobs(service.url)
    yield found
    found.stop()


def events_of(client: OpenAI, **changes: Any) -> list[Any]:
    """All events of a stream."""
    return list(respond(client, stream=True, **changes))


def half(call: Call) -> Reply:
    """One trace ends, the others never do."""
    return text("\\boxed{42}") if call.index == 0 else hang(3)


def test_a_background_response_is_polled_for(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text("\\boxed{42}", token_s=0.1)
    accepted = respond(client, background=True)
    assert accepted.status in RUNNING
    assert (accepted.output, accepted.background) == ([], True)
    response = polled(client, accepted)
    assert (response.status, response.output_text) == ("completed", "\\boxed{42}")
    assert response.created_at == accepted.created_at
    assert response.completed_at >= response.created_at


def test_a_background_response_fails_with_an_error(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: error(429, message="Slow down.", retry_after=90)
    response = polled(client, respond(client, background=True))
    assert (response.status, response.output) == ("failed", [])
    assert response.error.code == "rate_limit_exceeded"
    assert "Slow down." in response.error.message


def test_cancelling_closes_the_upstream_s_connections(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: hang(3)
    response = respond(client, background=True)
    upstream.wait_for(lambda calls: len(calls) == 3 and all(call.tokens_sent for call in calls))
    cancelled = client.responses.cancel(response.id)
    assert (cancelled.status, cancelled.error, cancelled.output) == ("cancelled", None, [])
    upstream.wait_for(lambda calls: all(call.aborted for call in calls), timeout_s=4)


def test_cancelling_keeps_what_was_paid_for(client: OpenAI, jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = half
    response = respond(client, background=True)
    with jobs.listening(response.id.removeprefix("resp_")) as events:
        next(event for event in events if event.type == "trace")
    cancelled = client.responses.cancel(response.id)
    assert cancelled.status == "cancelled"
    assert cancelled.tts_metadata["stopped_by"] == "cancelled"
    assert cancelled.output_text == "\\boxed{42}"


def test_cancelling_twice_shows_the_same_response(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: hang()
    response = respond(client, background=True)
    first = client.responses.cancel(response.id)
    assert client.responses.cancel(response.id) == first


def test_cancelling_an_ended_response_leaves_it_as_it_is(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    response = polled(client, respond(client, background=True))
    assert client.responses.cancel(response.id) == response


def test_only_a_background_response_can_be_cancelled(client: OpenAI, upstream: ScriptedUpstream) -> None:
    response = respond(client)
    with pytest.raises(BadRequestError, match="background"):
        client.responses.cancel(response.id)


def test_a_deleted_response_is_gone(client: OpenAI, upstream: ScriptedUpstream) -> None:
    response = respond(client)
    client.responses.delete(response.id)
    with pytest.raises(APIStatusError) as raised:
        client.responses.retrieve(response.id)
    assert (raised.value.status_code, raised.value.code) == (410, "response_gone")


def test_a_response_that_goes_on_is_not_deleted(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: hang()
    response = respond(client, background=True)
    with pytest.raises(ConflictError, match="cancel it first"):
        client.responses.delete(response.id)
    client.responses.cancel(response.id)
    client.responses.delete(response.id)


def test_a_response_that_is_not_to_be_stored_cannot_be_retrieved(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    response = respond(client, store=False)
    assert (response.store, response.output_text) == (False, "The answer is \\boxed{42}.")
    with pytest.raises(APIStatusError) as raised:
        client.responses.retrieve(response.id)
    assert raised.value.code in ("response_not_found", "response_gone")


def test_a_response_that_is_not_to_be_stored_leaves_no_job(
    client: OpenAI, jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    run_id = respond(client, store=False).id.removeprefix("resp_")
    while (status := jobs.get(f"/{run_id}").status_code) == 200:  # it goes once the answer is delivered
        pass
    assert status == 410


def test_the_pieces_join_to_the_text(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text(LONG)
    events = events_of(client)
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == LONG
    assert [e.sequence_number for e in events] == list(range(len(events)))
    assert (events[0].type, events[1].type) == ("response.created", "response.in_progress")
    assert (events[-1].type, events[-1].response.output_text) == ("response.completed", LONG)


def test_the_last_event_has_the_response_that_is_retrieved(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    last = events_of(client)[-1].response
    assert client.responses.retrieve(last.id) == last


@pytest.mark.parametrize("background", [False, True])
def test_the_sdk_s_helper_puts_the_stream_together(
    client: OpenAI, upstream: ScriptedUpstream, background: bool
) -> None:
    upstream.reply = lambda _call: reasoning('{"city": "Paris"}', "Well ...")
    with client.responses.stream(
        model="m", input="Where?", text_format=City, background=background
    ) as stream:
        final = stream.get_final_response()
    assert final.output_parsed == City(city="Paris")
    assert final.tts_metadata["agreement"] == 1.0


def test_calls_are_streamed_each_under_its_index(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: called(PARIS, OSLO)
    events = events_of(client, tools=[TOOL])
    done = [e for e in events if e.type == "response.function_call_arguments.done"]
    assert [(e.output_index, e.name, e.arguments) for e in done] == [
        (0, "weather", PARIS),
        (1, "weather", OSLO),
    ]


def test_the_helper_puts_calls_together(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: called(PARIS, OSLO)
    with client.responses.stream(model="m", input="Weather?", tools=[TOOL]) as stream:
        output = stream.get_final_response().output
    assert [item.arguments for item in output] == [PARIS, OSLO]


def test_log_probabilities_are_streamed_with_their_tokens(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    events = events_of(client, include=["message.output_text.logprobs"], top_logprobs=1)
    deltas = [e for e in events if e.type == "response.output_text.delta"]
    assert [e.delta for e in deltas] == [e.logprobs[0].token for e in deltas]


def test_a_failure_is_the_last_event(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: error(400, message="no such thing")
    last = events_of(client)[-1]
    assert (last.type, last.response.status) == ("response.failed", "failed")
    assert "no such thing" in last.response.error.message


def test_an_answer_that_was_cut_off_ends_as_incomplete(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text("I think", finish="length")
    last = events_of(client)[-1]
    assert (last.type, last.response.incomplete_details.reason) == (
        "response.incomplete",
        "max_output_tokens",
    )


def test_a_mistake_in_the_request_is_no_stream(client: OpenAI, upstream: ScriptedUpstream) -> None:
    with pytest.raises(BadRequestError):
        respond(client, stream=True, input=[])


def test_a_response_that_goes_on_says_so(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: hang(1)
    response = respond(client, background=True)
    upstream.wait_for(lambda calls: len(calls) == 3)
    assert client.responses.retrieve(response.id).status == "in_progress"
    assert client.responses.cancel(response.id).status not in RUNNING
