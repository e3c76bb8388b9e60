"""What goes wrong, as the classes of the official Python SDK."""

from typing import Any

import pytest
from asking import ask
from openai import (
    APIStatusError,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    OpenAI,
    RateLimitError,
)
from scripted_upstream import ScriptedUpstream, drop, error, text
from service import Service


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"temperature": 3}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "wizard", "content": "hi"}]}, "messages[0].role"),
        ({"n": 0}, "n"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"extra_body": {"tts_budget": 0}}, "tts_budget"),
        ({"extra_body": {"tts_budget": 513}}, "tts_budget"),
        ({"extra_body": {"tts_budget": "8"}}, "tts_budget"),
        ({"extra_body": {"tts_filter_method": "best"}}, "tts_filter_method"),
        ({"extra_body": {"tts_bugdet": 4}}, "tts_bugdet"),
    ],
)
def test_a_wrong_parameter_is_named(
    client: OpenAI, upstream: ScriptedUpstream, wrong: dict[str, Any], param: str
) -> None:
    with pytest.raises(BadRequestError) as raised:
        ask(client, **wrong)
    assert raised.value.param == param
    assert raised.value.type == "invalid_request_error"
    assert upstream.calls == []


def test_a_missing_parameter_is_named(client: OpenAI, upstream: ScriptedUpstream) -> None:
    with pytest.raises(BadRequestError, match="Missing required parameter: 'messages'") as raised:
        client.post("/chat/completions", body={"model": "m"}, cast_to=object)
    assert (raised.value.param, raised.value.code) == ("messages", "missing_required_parameter")


def test_a_misspelt_option_is_answered_with_the_right_one(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    with pytest.raises(BadRequestError, match="Did you mean 'tts_budget'"):
        ask(client, extra_body={"tts_bugdet": 4})


def test_an_unknown_model_is_not_found(client: OpenAI, upstream: ScriptedUpstream) -> None:
    with pytest.raises(NotFoundError) as raised:
        ask(client, model="gpt-17")
    assert (raised.value.code, raised.value.param) == ("model_not_found", "model")


def test_an_unknown_route_is_not_found(client: OpenAI) -> None:
    with pytest.raises(NotFoundError) as raised:
        client.embeddings.create(model="m", input="hi")
    assert raised.value.code == "unknown_url"


def test_a_busy_upstream_is_a_rate_limit_that_says_when(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: error(429, message="Slow down.", retry_after=90)
    with pytest.raises(RateLimitError, match="Slow down") as raised:
        ask(client)
    assert raised.value.response.headers["retry-after"] == "90"
    assert raised.value.type == "rate_limit_error"


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_key_of_the_service_is_an_internal_error_without_the_key(
    client: OpenAI, upstream: ScriptedUpstream, status: int
) -> None:
    upstream.reply = lambda _call: error(status, message="Bad key sk-upstream-secret.")
    with pytest.raises(InternalServerError) as raised:
        ask(client)
    assert raised.value.status_code == 502
    assert "sk-upstream" not in str(raised.value)


def test_an_upstream_that_breaks_off_is_an_internal_error(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: drop()
    with pytest.raises(InternalServerError) as raised:
        ask(client, extra_body={"tts_strategy": "single"})
    assert raised.value.status_code == 502


def test_the_upstream_s_finding_reaches_the_client(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: error(400, message="'min_p' must be below 1.", code="bad_min_p")
    with pytest.raises(BadRequestError, match="min_p") as raised:
        ask(client, extra_body={"min_p": 2})
    assert raised.value.code == "bad_min_p"


def test_every_error_names_its_request(client: OpenAI, upstream: ScriptedUpstream) -> None:
    with pytest.raises(APIStatusError) as raised:
        ask(client, temperature=3)
    assert raised.value.request_id == raised.value.response.headers["x-request-id"] is not None


def test_the_client_s_own_request_id_is_kept(client: OpenAI, upstream: ScriptedUpstream) -> None:
    with pytest.raises(APIStatusError) as raised:
        ask(client, temperature=3, extra_headers={"X-Request-Id": "mine-1"})
    assert raised.value.request_id == "mine-1"


def test_the_sdk_does_not_pay_twice_for_a_failure(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: text("\\boxed{42}") if call.index == 0 else error(400)
    patient = OpenAI(base_url=service.base_url, api_key="any", max_retries=2)
    with patient, pytest.raises(InternalServerError):
        ask(patient, extra_body={"tts_budget": 2, "tts_min_traces": 2})
    assert len(upstream.calls) == 2
