"""The official Python SDK, streamed."""

import asyncio
from collections import Counter

import pytest
from asking import QUESTION, ask
from openai import APIError, AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk
from scripted_upstream import ScriptedUpstream, error, text
from service import Service

LONG = "Let me think about it for a while, dear friend. " * 5 + "Ωραία 🙂: \\boxed{42}"


def content_of(chunks: list[ChatCompletionChunk], index: int = 0) -> str:
    found = [c for chunk in chunks for c in chunk.choices if c.index == index]
    return "".join(c.delta.content or "" for c in found)


@pytest.fixture
def chunks(client: OpenAI, upstream: ScriptedUpstream) -> list[ChatCompletionChunk]:
    upstream.reply = lambda _call: text(LONG)
    return list(ask(client, stream=True, stream_options={"include_usage": True}))


def test_the_role_comes_first(chunks: list[ChatCompletionChunk]) -> None:
    delta = chunks[0].choices[0].delta
    assert (delta.role, delta.content) == ("assistant", "")


def test_the_pieces_join_to_the_winner_s_text(chunks: list[ChatCompletionChunk]) -> None:
    assert content_of(chunks) == LONG


def test_the_choice_finishes_once(chunks: list[ChatCompletionChunk]) -> None:
    reasons = [c.finish_reason for chunk in chunks for c in chunk.choices]
    assert [reason for reason in reasons if reason] == ["stop"]


def test_all_chunks_belong_together(chunks: list[ChatCompletionChunk]) -> None:
    assert len({(c.id, c.created, c.model, c.object) for c in chunks}) == 1


def test_the_usage_comes_last_and_alone(chunks: list[ChatCompletionChunk]) -> None:
    *before, last = chunks
    assert last.choices == []
    assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens > 0
    assert all(chunk.usage is None and "usage" in chunk.model_fields_set for chunk in before)


def test_usage_that_was_not_asked_for_stays_away(client: OpenAI, upstream: ScriptedUpstream) -> None:
    found = list(ask(client, stream=True))
    assert not any("usage" in chunk.model_fields_set for chunk in found)
    assert all(chunk.choices for chunk in found)


def test_the_metadata_rides_on_the_last_chunk_of_the_choice(chunks: list[ChatCompletionChunk]) -> None:
    last = chunks[-2].choices[0]
    assert last.finish_reason == "stop"
    assert last.tts_metadata == last.delta.tts_metadata
    assert last.tts_metadata["answer"] == "42"


def test_the_accumulating_helper_keeps_the_metadata_of_the_delta(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    with client.chat.completions.stream(model="m", messages=QUESTION) as stream:
        kinds = Counter(event.type for event in stream)
        completion = stream.get_final_completion()
    message = completion.choices[0].message
    assert message.content == "The answer is \\boxed{42}."
    assert message.tts_metadata["num_traces"] == 8
    assert message.tts_metadata["agreement"] == 1.0
    assert kinds["content.done"] == 1


def test_several_choices_are_streamed_each_with_its_role_and_end(
    client: OpenAI, divided: ScriptedUpstream
) -> None:
    found = list(ask(client, stream=True, n=2, extra_body={"tts_strategy": "self_consistency"}))
    assert content_of(found, 0).endswith("\\boxed{7}.")
    assert content_of(found, 1).endswith("\\boxed{42}.")
    ended = [c.index for chunk in found for c in chunk.choices if c.finish_reason]
    roles = [c.index for chunk in found for c in chunk.choices if c.delta.role]
    assert ended == roles == [0, 1]


def test_logprobs_are_streamed_with_the_content(client: OpenAI, upstream: ScriptedUpstream) -> None:
    found = list(ask(client, stream=True, logprobs=True, top_logprobs=2))
    entries = [e for c in found if c.choices[0].logprobs for e in c.choices[0].logprobs.content]
    assert "".join(entry.token for entry in entries) == content_of(found)
    assert {len(entry.top_logprobs) for entry in entries} == {2}


def test_a_failure_after_the_start_raises_in_the_stream(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: error(400, message="No such thing.", code="bad_thing")
    with pytest.raises(APIError, match="No such thing") as raised:
        list(ask(client, stream=True))
    assert raised.value.code == "bad_thing"


def test_a_mistake_in_the_request_is_told_before_the_stream(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    with pytest.raises(APIError) as raised:
        ask(client, stream=True, temperature=3)
    assert raised.value.status_code == 400


def test_the_stream_can_be_read_asynchronously(service: Service, upstream: ScriptedUpstream) -> None:
    async def read() -> list[ChatCompletionChunk]:
        async with AsyncOpenAI(base_url=service.base_url, api_key="any", max_retries=0) as client:
            stream = await client.chat.completions.create(model="m", messages=QUESTION, stream=True)
            return [chunk async for chunk in stream]

    assert content_of(asyncio.run(read())) == "The answer is \\boxed{42}."
