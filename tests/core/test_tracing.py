"""A stream read without owning it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_core.model import Sampling, Usage
from tts_core.tracing import Chunk, TraceBuilder

CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "add", "arguments": ""}}


def built(*chunks: Chunk, **sampling: object) -> TraceBuilder:
    builder = TraceBuilder(Sampling(model="m", messages=(), **sampling))  # type: ignore[arg-type]
    for chunk in chunks:
        builder.add(chunk)
    return builder


@given(st.text(max_size=200), st.integers(1, 20))
def test_text_is_the_same_however_it_was_cut(text: str, width: int) -> None:
    pieces = [Chunk(text=text[at : at + width]) for at in range(0, len(text), width)]
    assert built(*pieces).text == text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


@pytest.mark.parametrize("reply", ["Mon", "day, Tues", "Monday, Tues", ""])
def test_a_prefill_stands_once_at_the_beginning_also_when_the_upstream_repeats_it(reply: str) -> None:
    builder = built(Chunk(text=reply), prefill="Monday, Tues")
    said = "Monday, Tues" + reply.removeprefix("Monday, Tues")
    assert (builder.text, builder.message()["content"]) == (said, said)


def test_tokens_are_counted_by_logprob_entries_not_by_chunks() -> None:
    chunk = Chunk(text="two tokens", top_logprobs=[[-1.0, -2.0], [-1.0, -3.0]])
    assert built(chunk).counted_tokens == 2


def test_without_logprobs_pieces_of_text_are_counted() -> None:
    assert built(Chunk(text="one"), Chunk(text="two"), Chunk()).counted_tokens == 2


def test_a_token_without_probabilities_counts_but_says_nothing_of_confidence() -> None:
    builder = built(Chunk(top_logprobs=[[], [-1.0, -3.0]]))
    assert builder.counted_tokens == 2
    assert list(builder.confidences) == [2.0]


def test_a_tool_call_grows_by_its_deltas() -> None:
    deltas = [{"index": 0, "function": {"arguments": part}} for part in ('{"a"', ": 1}")]
    builder = built(Chunk(tool_calls=[CALL]), *(Chunk(tool_calls=[delta]) for delta in deltas))
    assert builder.message()["tool_calls"] == [
        {"type": "function", "id": "c1", "function": {"name": "add", "arguments": '{"a": 1}'}}
    ]


def test_tool_calls_are_the_answer_of_a_trace_that_makes_some() -> None:
    whole = {**CALL, "function": {"name": "add", "arguments": '{"b": 2, "a": 1}'}}
    other = {**CALL, "id": "c9", "function": {"name": "add", "arguments": '{"a":1.0,"b":2}'}}
    answers = [built(Chunk(tool_calls=[call])).answer() for call in (whole, other)]
    assert answers[0] is not None
    assert answers[1] is not None
    assert answers[0].key == answers[1].key


def test_a_message_without_text_but_with_calls_has_null_content() -> None:
    assert built(Chunk(tool_calls=[CALL])).message()["content"] is None


def test_a_trace_cut_at_its_length_does_not_answer_by_its_last_line() -> None:
    assert built(Chunk(text="so far 2+2 = 4", finish="length")).answer() is None
    assert built(Chunk(text="so far 2+2 = 4", finish="stop")).answer() is not None


def test_the_last_account_of_usage_stands() -> None:
    running, final = Usage(1, 1, 2), Usage(1, 5, 6)
    assert built(Chunk(usage=running), Chunk(usage=final), Chunk()).usage == final


@pytest.mark.parametrize(
    "deltas",
    [
        [{"index": 0, "function": "f"}],
        [{"index": 0, "function": "f"}, {"index": 0, "function": {"name": "f"}}],
        [{"index": 0, "function": {"arguments": {"a": 1}}}, {"index": 0, "function": {"arguments": "x"}}],
        [{"index": 10**9, "id": 5}],
        [{"index": -1, "id": []}],
    ],
)
def test_ill_formed_tool_calls_are_survived(deltas: list[dict[str, object]]) -> None:
    builder = built(*(Chunk(tool_calls=[delta]) for delta in deltas))
    assert builder.message()["role"] == "assistant"
    builder.answer()
