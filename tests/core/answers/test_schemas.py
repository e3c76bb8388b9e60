"""Answers held to a JSON Schema: what a schema may be, and that none costs more than a moment."""

import json
import time
from typing import Any

import pytest

from tts_core.answers import check_response_format, satisfies
from tts_core.errors import InvalidRequest
from tts_core.model import Sampling
from tts_core.tracing import MISFIT, Chunk, TraceBuilder

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "minLength": 1}, "days": {"type": "integer", "default": 1}},
    "required": ["city"],
    "additionalProperties": False,
}
MOMENT_S = 3.0
LEVELS = 40
DOUBLING = {
    "$ref": "#/$defs/a0",
    "$defs": {
        **{f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(LEVELS)},
        f"a{LEVELS}": {},
    },
}
MIRRORS = {"properties": {"x": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}


def asked(schema: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "it", "schema": schema}}


def nested(depth: int, opening: str, closing: str, inside: str = "") -> str:
    return opening * depth + inside + closing * depth


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ('{"city": "Oslo"}', True),
        ('{"city": "Oslo", "days": 2.0}', True),
        ('It is ```json\n{"city": "Oslo"}\n```', True),
        ('{"city": "Oslo", "days": "2"}', False),
        ('{"city": ""}', False),
        ('{"town": "Oslo"}', False),
        ('{"city": "Oslo", "more": 1}', False),
        ("Oslo", False),
        ('{"city": "Oslo", "days": 1e999}', False),
        ('{"city": "Oslo", "days": 1' + "0" * 5000 + "}", False),
    ],
)
def test_an_answer_satisfies_its_schema_or_not(text: str, fits: bool) -> None:
    assert satisfies(text, CITY) is fits


@pytest.mark.parametrize(
    ("schema", "text", "fits"),
    [
        ({"pattern": "^a+$"}, '"aaa"', True),
        ({"pattern": "^a+$"}, '"b"', False),
        ({"pattern": "(?=a)a"}, '"b"', True),
        ({"patternProperties": {"^n": {"type": "number"}}}, '{"n1": "x"}', False),
        ({"patternProperties": {"^n": {}}, "additionalProperties": False}, '{"n1": 1, "m": 2}', False),
        ({"patternProperties": {"^n": {}}, "additionalProperties": False}, '{"n1": 1}', True),
        ({"uniqueItems": True}, "[1, 1.0]", False),
        ({"uniqueItems": True}, "[1, true]", True),
        ({"enum": ["a", "b"]}, '"c"', False),
        ({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, '"1"', False),
        ({"anyOf": [{"type": "null"}, {"const": 3}]}, "3", True),
        ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "array"}, "[]", True),
        (True, "1", True),
        (False, "1", False),
    ],
)
def test_the_rules_of_a_schema_hold(schema: Any, text: str, fits: bool) -> None:
    check_response_format(asked(schema))
    assert satisfies(text, schema) is fits


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strange"},
        {"properties": []},
        {"required": "city"},
        {"$ref": "http://169.254.169.254/latest"},
        {"$ref": "file:///etc/passwd"},
        {"properties": {"a": {"$ref": "https://example.org/a.json"}}},
        {"$ref": "#/$defs/nowhere"},
        {"$schema": ["a"]},
        "text",
        [1],
        7,
        json.loads(nested(200, '{"not":', "}", "{}")),
        {"description": "x" * 200_000},
    ],
    ids=lambda schema: str(schema)[:40],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_response_format(asked(schema))
    assert refused.value.param == "response_format"


@pytest.mark.parametrize(
    "response_format",
    [
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema"},
        {},
        {"type": "json_schema", "json_schema": 1},
    ],
)
def test_a_format_without_a_schema_is_left_to_the_upstream(response_format: dict[str, Any]) -> None:
    check_response_format(response_format)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"pattern": "^(a+)+$"}, json.dumps("a" * 50_000 + "b")),
        (
            {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False},
            json.dumps({"a" * 9999 + "b": 1}),
        ),
        (DOUBLING, "1"),
        (MIRRORS, nested(60, '{"x":', "}", "1")),
        ({"$ref": "#"}, "1"),
        ({"allOf": [{"$ref": "#"}]}, "1"),
        ({"uniqueItems": True}, json.dumps([{"a": n} for n in range(5000)])),
        ({"items": {"items": {"items": {}}}}, nested(5000, "[", "]")),
        ({"properties": {"x": {"$ref": "#"}}}, nested(2000, '{"x":', "}", "1")),
        ({"contains": {"contains": {"const": 1}}}, json.dumps([[0] * 300] * 300)),
    ],
    ids=lambda value: str(value)[:30],
)
def test_no_schema_takes_more_than_a_moment(schema: Any, text: str) -> None:
    began_s = time.thread_time()
    check_response_format(asked(schema))
    satisfies(text, schema)
    satisfies(text, schema)
    assert time.thread_time() - began_s < MOMENT_S


@pytest.mark.parametrize("schema", [DOUBLING, {"$ref": "#"}])
def test_what_takes_too_long_is_not_told(schema: Any) -> None:
    assert satisfies("1", schema) is None


def built(text: str) -> TraceBuilder:
    sampling = Sampling(
        model="m", messages=(), answer_format="json", parameters={"response_format": asked(CITY)}
    )
    builder = TraceBuilder(sampling)
    builder.add(Chunk(text=text, finish="stop"))
    return builder


def test_a_trace_whose_json_does_not_satisfy_the_schema_has_no_answer() -> None:
    assert (built('{"town": 1}').answer(), built('{"town": 1}').misfit) == (None, MISFIT)


def test_a_trace_whose_json_satisfies_the_schema_answers_as_ever() -> None:
    answer = built('{"days": 2.0, "city": "Oslo"}').answer()
    assert answer
    assert answer.key == 'json:{"city":"Oslo","days":2}'
    assert built('{"city": "Oslo"}').misfit == ""
