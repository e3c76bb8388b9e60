"""Responses whose streams break off, whose clients leave, and whose owners differ."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from asking import post
from jobs import KEYS, Jobs
from openai import APIStatusError, APITimeoutError, NotFoundError, OpenAI
from responding import polled, respond
from scripted_upstream import Call, Reply, ScriptedUpstream, error, hang, reasoning, text, tool_calls
from service import Service

SLOW = "word " * 20 + "\\boxed{42}"
ENDLESS = text("word " * 2000, token_s=0.05)
CALL = {
    "id": "call_0",
    "type": "function",
    "function": {"name": "f", "arguments": '{"x": "%s"}' % ("y" * 200)},
}
TOOL = {"type": "function", "name": "f"}
SCRIPTS: dict[str, Reply] = {
    "a text": text("Six times seven, as everybody knows, is " + "ü" * 150 + " \\boxed{42}"),
    "a call after some reasoning": tool_calls([CALL], message_extra={"reasoning_content": "Hm. " * 40}),
    "reasoning": reasoning("\\boxed{42}", "Six times seven ..."),
    "cut off": text("I think that", finish="length"),
    "no answer": error(400),
}


@pytest.fixture
def sdks(shared: Service, upstream: ScriptedUpstream) -> Iterator[tuple[OpenAI, OpenAI]]:
    """Two clients with keys of their own, of a service of several web processes."""
    one, other = (OpenAI(base_url=shared.base_url, api_key=key, max_retries=0) for key in KEYS)
    with one, other:
        yield one, other


@contextmanager
def asking(service: Service, **changes: Any) -> Iterator[httpx.Response]:
    """A stream of a response as plain HTTP."""
    body = {"model": "m", "input": "What is 6*7?", "stream": True, "tts_budget": 3, **changes}
    with httpx.stream("POST", f"{service.base_url}/responses", json=body, timeout=30) as answer:
        yield answer


def retrieved(service: Service, response_id: str, after: int, key: str = "any") -> list[str]:
    """The lines of a stream that is taken up again, over a connection of its own."""
    asked = {"stream": "true", "starting_after": str(after)}
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{service.base_url}/responses/{response_id}"
    with httpx.stream("GET", url, params=asked, headers=headers, timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        return data_of(answer.iter_lines())


def data_of(lines: Iterator[str]) -> list[str]:
    """What the events say."""
    return [line for line in lines if line.startswith("data: ")]


@pytest.mark.parametrize("reply", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("background", [False, True])
def test_a_stream_goes_on_exactly_where_it_broke_off(
    service: Service, upstream: ScriptedUpstream, reply: Reply, background: bool
) -> None:
    upstream.reply = lambda _call: reply
    with asking(service, background=background, tools=[TOOL]) as answer:
        whole = data_of(answer.iter_lines())
    response_id = "resp_" + whole[0].split('"resp_')[1][:32]
    for after in range(-1, len(whole) + 1):
        assert retrieved(service, response_id, after) == whole[after + 1 :]


def test_every_web_process_tells_the_same_events(
    shared: Service, sdks: tuple[OpenAI, OpenAI], upstream: ScriptedUpstream
) -> None:
    response = respond(sdks[0])
    streams = [retrieved(shared, response.id, -1, KEYS[0]) for _ in range(12)]
    assert len(streams[0]) == 9
    assert all(stream == streams[0] for stream in streams)


def test_a_background_stream_is_taken_up_while_the_run_goes_on(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: text(SLOW, token_s=0.05)
    with respond(client, background=True, stream=True) as stream:
        first, second = next(stream), next(stream)
    assert first.response.status == "queued"
    events = list(
        client.responses.retrieve(first.response.id, stream=True, starting_after=second.sequence_number)
    )
    assert [event.sequence_number for event in events] == list(range(2, 2 + len(events)))
    assert events[-1].response.output_text == SLOW
    assert all(call.done for call in upstream.calls)


def test_a_background_run_goes_on_without_its_reader(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text(SLOW, token_s=0.1)
    with respond(client, background=True, stream=True) as stream:
        response = next(stream).response
        upstream.wait_for(lambda calls: len(calls) == 3)
    assert polled(client, response).status == "completed"
    assert not any(call.aborted for call in upstream.calls)


def test_a_reader_that_leaves_cancels_a_run_that_it_waits_for(
    service: Service, client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: ENDLESS
    with respond(client, stream=True) as stream:
        response = next(stream).response
        upstream.wait_for(lambda calls: len(calls) == 3)
    upstream.wait_for(lambda calls: all(call.aborted for call in calls), timeout_s=4)
    last = list(client.responses.retrieve(response.id, stream=True))[-1]
    assert (last.type, last.response.status) == ("response.incomplete", "cancelled")


def test_a_client_that_leaves_cancels_a_run_that_it_waits_for(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: ENDLESS
    with pytest.raises(APITimeoutError):
        respond(client, timeout=1)
    upstream.wait_for(lambda calls: len(calls) == 3 and all(call.aborted for call in calls), timeout_s=6)


def test_an_sdk_that_loses_patience_gets_the_answer_and_pays_once(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: text(SLOW, token_s=0.07)
    with OpenAI(base_url=service.base_url, api_key="any", timeout=0.9, max_retries=2) as patient:
        assert respond(patient).output_text == SLOW
    assert len(upstream.calls) == 3


def test_signs_of_life_come_while_traces_run(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text("It is \\boxed{42}", token_s=0.4)
    for background in (False, True):
        with asking(service, background=background) as answer:
            lines = [line for line in answer.iter_lines() if line]
        assert lines[0] == "event: response.created"
        assert ": keep-alive" in lines[4:-2]


def test_the_same_idempotency_key_is_the_same_response(client: OpenAI, upstream: ScriptedUpstream) -> None:
    headers = {"Idempotency-Key": "a-word-for-responses"}
    ids = {respond(client, background=True, extra_headers=headers).id for _ in range(2)}
    assert polled(client, client.responses.retrieve(ids.pop())).status == "completed"
    assert (ids, len(upstream.calls)) == (set(), 3)


@pytest.mark.parametrize("background", [False, True])
def test_a_response_is_shown_as_a_job_too(
    client: OpenAI, jobs: Jobs, upstream: ScriptedUpstream, background: bool
) -> None:
    response = polled(client, respond(client, background=background, metadata={"who": "me"}))
    job = jobs.show(response.id.removeprefix("resp_"))
    assert (job["source"], job["status"], job["metadata"]) == ("response", "completed", {"who": "me"})
    assert job["result"]["choices"][0]["message"]["content"] == response.output_text


def test_a_job_cancelled_is_a_response_cancelled(
    client: OpenAI, jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: hang()
    response = respond(client, background=True)
    jobs.post(f"/{response.id.removeprefix('resp_')}/cancel")
    assert client.responses.retrieve(response.id).status == "cancelled"


def test_other_runs_are_no_responses(service: Service, client: OpenAI, upstream: ScriptedUpstream) -> None:
    run_id = post(service.url, tts_budget=1).json()["choices"][0]["tts_metadata"]["job_id"]
    with pytest.raises(NotFoundError):
        client.responses.retrieve(f"resp_{run_id}")


def test_anothers_response_is_not_found_on_any_route(
    sdks: tuple[OpenAI, OpenAI], upstream: ScriptedUpstream
) -> None:
    mine, others = sdks
    response = polled(mine, respond(mine, background=True))
    api = others.responses
    for call in (api.retrieve, api.cancel, api.delete, api.input_items.list):
        with pytest.raises(NotFoundError) as raised:
            call(response.id)
        assert raised.value.code == "response_not_found"
    assert mine.responses.retrieve(response.id) == response


def test_a_deleted_response_is_gone_for_its_owner_alone(
    sdks: tuple[OpenAI, OpenAI], upstream: ScriptedUpstream
) -> None:
    response = respond(sdks[0])
    sdks[0].responses.delete(response.id)
    statuses = []
    for sdk in sdks:
        with pytest.raises(APIStatusError) as raised:
            sdk.responses.retrieve(response.id)
        statuses.append(raised.value.status_code)
    assert statuses == [410, 404]


def test_a_deadline_answers_with_the_traces_at_hand(client: OpenAI, upstream: ScriptedUpstream) -> None:
    def reply(call: Call) -> Reply:
        return hang() if call.index else text("\\boxed{42}")

    upstream.reply = reply
    response = polled(client, respond(client, background=True, extra_body={"tts_deadline_s": 1}))
    assert (response.status, response.output_text) == ("completed", "\\boxed{42}")
    assert response.tts_metadata["stopped_by"] == "deadline"
