"""JSON and tool calls as answers."""

import pytest

from tts_core.answers import read_answer, read_tool_calls


def json_key(text: str) -> str | None:
    answer = read_answer(text, "json")
    return answer and answer.key


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1, "b": 2}', 'json:{"a":1,"b":2}'),
        ('{"b": 2.0, "a": 1e0}', 'json:{"a":1,"b":2}'),
        ("0.50", "json:5e-1"),
        ("100", "json:100"),
        ("1e2", "json:100"),
        ("-0.0", "json:0"),
        ("1e999999999", "json:1e999999999"),
        ("true", "json:true"),
        ('"Paris"', 'json:"Paris"'),
        ('Here: {"a": [1, 2]} as asked.', 'json:{"a":[1,2]}'),
        ('First {"a": 1}, then {"a": 2}.', 'json:{"a":2}'),
        ('Draft {"a": 1}\n```json\n{"a": 3}\n```\nDone.', 'json:{"a":3}'),
        ('A {brace} and {"a": 1} and {"a": ', 'json:{"a":1}'),
        ('{"text": "a } b"}', 'json:{"text":"a } b"}'),
        ("NaN", None),
        ("{'a': 1}", None),
        ("no json", None),
        ("", None),
    ],
)
def test_json_reads_the_last_value_in_its_canonical_form(text: str, expected: str | None) -> None:
    assert json_key(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [("[1]", "[true]"), ("[0]", "[false]"), ('["1"]', "[1]"), ("[1,2]", "[2,1]"), ("{}", "[]")],
)
def test_json_values_of_different_kinds_differ(one: str, other: str) -> None:
    assert json_key(one) != json_key(other)


def test_a_long_value_after_much_prose_is_found() -> None:
    value = "[" + ",".join(f'"{i:04d}"' for i in range(2000)) + "]"
    assert json_key("prose { [ " * 500 + value + " end") == f"json:{value}"


def call(name: str, arguments: object, call_id: str = "call_1") -> dict[str, object]:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_tool_calls_are_equal_by_name_and_the_value_of_their_arguments() -> None:
    one = read_tool_calls([call("weather", '{"city": "Rome", "days": 1}', "call_1")])
    other = read_tool_calls([call("weather", '{"days":1.0,"city":"Rome"}', "call_2")])
    assert one is not None
    assert other is not None
    assert one.key == other.key


def test_arguments_given_as_an_object_equal_those_given_as_text() -> None:
    assert (first := read_tool_calls([call("f", {"a": 0.5})])) is not None
    assert (second := read_tool_calls([call("f", '{"a": 0.50}')])) is not None
    assert first.key == second.key


@pytest.mark.parametrize(
    "calls",
    [
        [call("weather", '{"city": "Oslo"}')],
        [call("forecast", '{"city": "Rome"}')],
        [call("weather", '{"city": "Rome"}'), call("weather", '{"city": "Rome"}')],
        [call("weather", '{"city": "Rome"')],
    ],
)
def test_other_calls_are_other_answers(calls: list[dict[str, object]]) -> None:
    rome = read_tool_calls([call("weather", '{"city": "Rome"}')])
    other = read_tool_calls(calls)
    assert rome is not None
    assert other is not None
    assert rome.key != other.key


def test_calls_in_another_order_are_another_answer() -> None:
    go, turn = call("go", "{}"), call("turn", "{}")
    first, second = read_tool_calls([go, turn]), read_tool_calls([turn, go])
    assert first is not None
    assert second is not None
    assert first.key != second.key


def test_a_tool_call_reads_as_a_call() -> None:
    answer = read_tool_calls([call("weather", '{"city": "Rome"}')])
    assert answer is not None
    assert answer.text == 'weather({"city": "Rome"})'


def test_a_custom_tool_is_called_with_its_input() -> None:
    answer = read_tool_calls([{"type": "custom", "custom": {"name": "sh", "input": "ls"}}])
    assert answer is not None
    assert answer.text == "sh(ls)"


def test_no_call_is_no_answer() -> None:
    assert read_tool_calls([]) is None
    assert read_tool_calls([{"id": "call_1", "function": {"name": ""}}]) is None
