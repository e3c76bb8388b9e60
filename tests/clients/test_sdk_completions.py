"""The official Python SDK, whole answers: what an application does on its first day."""

import asyncio

from asking import QUESTION, ask, choose
from openai import AsyncOpenAI, OpenAI
from scripted_upstream import Call, Reply, ScriptedUpstream, text
from service import Service


def test_the_winning_trace_is_the_message(client: OpenAI, divided: ScriptedUpstream) -> None:
    choice = choose(client)
    assert choice.message.role == "assistant"
    assert choice.message.content.endswith("\\boxed{42}.")
    assert choice.message.refusal is None
    assert choice.finish_reason == "stop"


def test_the_metadata_is_on_the_choice(client: OpenAI, divided: ScriptedUpstream) -> None:
    metadata = choose(client).tts_metadata
    assert metadata["strategy"] == "deepconf"
    assert metadata["num_traces"] == 8
    assert metadata["confidence"] == (3 * 16.0 + 2 * 8.0) / 5
    assert metadata["agreement"] == 3 / 5


def test_the_model_of_the_answer_is_the_one_asked_for(client: OpenAI, upstream: ScriptedUpstream) -> None:
    assert ask(client, model="m@single").model == "m@single"
    assert upstream.calls[0].body["model"] == "m"


def test_many_questions_at_once_get_each_its_own_answer(
    service: Service, upstream: ScriptedUpstream
) -> None:
    def echo(call: Call) -> Reply:
        return text(f"\\boxed{{{call.body['messages'][0]['content']}}}", token_s=0.01)

    upstream.reply = echo
    contents = asyncio.run(ask_all(service, [str(n) for n in range(40)]))
    assert contents == [f"\\boxed{{{n}}}" for n in range(40)]
    assert len(upstream.calls) == 40 * 3


async def ask_all(service: Service, questions: list[str]) -> list[str | None]:
    async with AsyncOpenAI(base_url=service.base_url, api_key="any", max_retries=0) as client:
        asked = [
            client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": q}], extra_body={"tts_budget": 3}
            )
            for q in questions
        ]
        return [answer.choices[0].message.content for answer in await asyncio.gather(*asked)]


def test_the_raw_response_names_the_request(client: OpenAI, upstream: ScriptedUpstream) -> None:
    raw = client.chat.completions.with_raw_response.create(model="m", messages=QUESTION)
    assert raw.headers["x-request-id"] == raw.request_id
    assert raw.parse()._request_id == raw.request_id
    assert {call.headers["x-request-id"] for call in upstream.calls} == {raw.request_id}


def test_n_gives_the_best_supported_distinct_answers(client: OpenAI, divided: ScriptedUpstream) -> None:
    found = ask(client, n=2, extra_body={"tts_strategy": "self_consistency"}).choices
    assert [choice.index for choice in found] == [0, 1]
    assert [choice.message.content.split(": ")[1] for choice in found] == ["\\boxed{7}.", "\\boxed{42}."]


def test_n_beyond_the_distinct_answers_gives_what_there_is(
    client: OpenAI, divided: ScriptedUpstream
) -> None:
    found = ask(client, n=5, extra_body={"tts_strategy": "self_consistency"}).choices
    assert len(found) == 3


def test_logprobs_come_back_with_as_many_alternatives_as_asked(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    content = choose(client, logprobs=True, top_logprobs=3).logprobs.content
    assert "".join(entry.token for entry in content) == "The answer is \\boxed{42}."
    assert {len(entry.top_logprobs) for entry in content} == {3}


def test_logprobs_stay_away_when_not_asked_for(client: OpenAI, upstream: ScriptedUpstream) -> None:
    assert choose(client).logprobs is None


def test_a_seed_gives_every_trace_its_own_and_the_same_again(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    runs = []
    for _ in range(2):
        upstream.reset()
        ask(client, seed=7)
        runs.append(sorted(call.body["seed"] for call in upstream.calls))
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 8


def test_without_a_seed_none_is_sent(client: OpenAI, upstream: ScriptedUpstream) -> None:
    ask(client)
    assert not any("seed" in call.body for call in upstream.calls)


def test_a_trace_cut_off_by_its_length_says_so(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text("I was about to", finish="length")
    assert choose(client).finish_reason == "length"


def test_a_refusal_is_handed_on(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text("", message_extra={"refusal": "I cannot help with that."})
    message = choose(client, extra_body={"tts_strategy": "single"}).message
    assert message.refusal == "I cannot help with that."
