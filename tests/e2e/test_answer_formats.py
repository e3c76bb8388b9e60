"""Schemas and code over the real service."""

import json

import pytest
from asking import ask, in_turn
from openai import BadRequestError, OpenAI
from scripted_upstream import ScriptedUpstream, text

BUDGET = {"tts_strategy": "self_consistency", "tts_budget": 4}


def schema(**rules: object) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "city", "schema": {"type": "object", **rules}}}


def test_a_schema_that_is_none_is_refused_before_anything_is_paid(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    with pytest.raises(BadRequestError) as refused:
        ask(client, response_format=schema(required="city"), extra_body=BUDGET)
    assert refused.value.param == "response_format"
    assert upstream.calls == []


def test_json_that_does_not_satisfy_its_schema_does_not_vote(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    upstream.reply = in_turn(text('{"city": 1}'), text('{"city": 1}'), text('{"city": "Oslo"}'), text("{}"))
    asked = schema(properties={"city": {"type": "string"}}, required=["city"])
    choice = ask(client, response_format=asked, extra_body=BUDGET).choices[0]
    assert json.loads(choice.message.content) == {"city": "Oslo"}
    assert choice.tts_metadata["agreement"] == 1.0
    assert any("JSON of 3 traces" in warning for warning in choice.tts_metadata["warnings"])


def test_code_is_voted_on_by_what_it_does(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(
        text("```python\nx = 1\n```"),
        text("```py\nx=1  # one\n```"),
        text("```\nx = 2\n```"),
        text("None."),
    )
    choice = ask(client, extra_body={**BUDGET, "tts_answer_format": "code"}).choices[0]
    assert choice.tts_metadata["agreement"] == 2 / 3
