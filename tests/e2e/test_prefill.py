"""Strategies that need prefill: refused before they cost anything, or carried out to the letter."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from asking import QUESTION, post
from batching import ended, hand_in, line, read
from openai import OpenAI
from scripted_upstream import ScriptedUpstream
from service import Service

FORCING = {"tts_strategy": "budget_forcing", "tts_budget": 2}
WHOLE = "It is \\boxed{7}.\n\nWait, no: \\boxed{42}."


@pytest.fixture
def sdk(probing: Service) -> Any:
    """The official SDK, pointed at the service that probes."""
    with OpenAI(base_url=probing.base_url, api_key="any", max_retries=0) as found:
        yield found


def asked(models: ScriptedUpstream) -> list[Any]:
    """The calls that asked the tests' question."""
    return [call for call in models.calls if call.body["messages"][0] == QUESTION[0]]


@pytest.mark.parametrize("strategy", ["budget_forcing", "beam_search"])
def test_a_model_that_begins_anew_is_refused_before_the_question_is_asked(
    probing: Service, models: ScriptedUpstream, strategy: str
) -> None:
    refused = post(probing.url, model="begins-anew-2", tts_strategy=strategy)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["param"]) == (
        400,
        "capability_missing",
        "tts_strategy",
    )
    assert all(word in error["message"] for word in (strategy, "prefill", "begins-anew-2", "\\boxed{7}"))
    assert asked(models) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/jobs", {}),
        ("/v1/budget_forcing/chat/completions", {"stream": True}),
        ("/v1/responses", {"messages": None, "input": "What is 6*7?"}),
    ],
)
def test_every_way_in_refuses_it(
    probing: Service, models: ScriptedUpstream, path: str, body: dict[str, Any]
) -> None:
    whole = {"model": "begins-anew-3", "messages": QUESTION, "tts_strategy": "budget_forcing", **body}
    sent = {name: value for name, value in whole.items() if value is not None}
    refused = httpx.post(f"{probing.url}{path}", json=sent, timeout=60)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "capability_missing")
    assert asked(models) == []


def test_a_batch_refuses_that_line_alone(sdk: OpenAI, models: ScriptedUpstream) -> None:
    lines = [line("a", model="begins-anew-4", **FORCING), line("b", model="goes-on-3", **FORCING)]
    batch = ended(sdk, hand_in(sdk, lines))
    errors = read(sdk, batch.error_file_id)
    assert errors["a"]["response"]["body"]["error"]["code"] == "capability_missing"
    assert read(sdk, batch.output_file_id).keys() == {"b"}
    assert {call.body["model"] for call in asked(models)} == {"goes-on-3"}


def test_plain_strategies_are_not_held_up_by_a_probe(probing: Service, models: ScriptedUpstream) -> None:
    assert post(probing.url, model="goes-on-4", tts_budget=3).status_code == 200
    assert len(models.calls) == 3


def test_logprobs_that_are_known_to_be_missing_are_refused_where_they_are_required(
    probing: Service, models: ScriptedUpstream
) -> None:
    inner = models.reply
    models.reply = lambda call: inner_without_logprobs(inner, call)
    httpx.get(f"{probing.base_url}/models/goes-on-5", timeout=30)
    models.reset()
    refused = post(probing.url, model="goes-on-5", tts_require_logprobs=True)
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "logprobs_unavailable")
    assert models.calls == []


def inner_without_logprobs(inner: Callable[[Any], Any], call: Any) -> Any:
    """The reply to a call that has asked for no logprobs."""
    call.body.pop("logprobs", None)
    return inner(call)


def test_an_upstream_that_cannot_be_probed_answers_for_itself(
    probing: Service, models: ScriptedUpstream
) -> None:
    refused = post(probing.url, model="away-0", **FORCING)
    assert (refused.status_code, "out of order" in refused.json()["error"]["message"]) == (502, True)


def test_the_answer_is_the_whole_text_and_the_usage_that_of_all_calls(
    sdk: OpenAI, models: ScriptedUpstream
) -> None:
    answer: Any = sdk.chat.completions.create(
        model="goes-on-6", messages=QUESTION, extra_body={**FORCING, "tts_include_traces": True}
    )
    choice = answer.choices[0]
    assert (choice.message.content, choice.finish_reason) == (WHOLE, "stop")
    assert choice.tts_metadata["answer"] == "42"
    assert [trace["voted"] for trace in choice.tts_metadata["traces"]] == [False, True]
    calls = asked(models)
    assert answer.usage.completion_tokens == sum(call.tokens_sent for call in calls)
    assert answer.usage.prompt_tokens == 10 * len(calls) == 20


def test_a_stream_brings_the_same(sdk: OpenAI, models: ScriptedUpstream) -> None:
    chunks = sdk.chat.completions.create(
        model="goes-on-6", messages=QUESTION, extra_body=FORCING, stream=True
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == WHOLE
    assert len(asked(models)) == 2


def test_a_job_searches_by_beams(probing: Service, models: ScriptedUpstream) -> None:
    body = {"model": "goes-on-6", "messages": QUESTION, "tts_strategy": "beam_search"}
    small = {
        "tts_budget": 5,
        "tts_beams": 1,
        "tts_expansions": 2,
        "tts_max_steps": 3,
        "tts_answer_format": "regex:z(\\d+)",
    }
    job = httpx.post(f"{probing.base_url}/jobs", json={**body, **small}, timeout=30).json()
    with httpx.stream("GET", f"{probing.base_url}/jobs/{job['id']}/events", timeout=30) as events:
        events.read()
    result = httpx.get(f"{probing.base_url}/jobs/{job['id']}", timeout=30).json()["result"]
    assert result["choices"][0]["message"]["content"] == WHOLE
    assert [call.body.get("stop") for call in asked(models)] == [["\n\n"]] * 4 + [None]
