"""OpenAI's JSON as upstreams send it."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.upstream import lines
from workers.wire import ToldError, read_chunk, read_error

TOKEN = {"token": "a", "logprob": -1, "bytes": None, "top_logprobs": [{"token": "a", "logprob": -1}]}


def chunk(**choice: object) -> bytes:
    return json.dumps({"choices": [{"index": 0, "delta": {}, **choice}]}).encode()


def test_a_piece_of_text_is_read() -> None:
    assert read_chunk(chunk(delta={"content": "hi"}), keep=False).text == "hi"


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_has_two_names(name: str) -> None:
    assert read_chunk(chunk(delta={name: "hm"}), keep=False).reasoning == "hm"


@pytest.mark.parametrize("keep", [False, True])
def test_alternatives_are_read_as_nats(keep: bool) -> None:
    found = read_chunk(chunk(logprobs={"content": [TOKEN]}), keep=keep)
    assert found.top_logprobs == [[-1.0]]


def test_entries_are_kept_as_they_came_when_wanted() -> None:
    assert read_chunk(chunk(logprobs={"content": [TOKEN]}), keep=True).entries == [TOKEN]


@pytest.mark.parametrize("logprobs", [None, {}, {"content": None}, {"content": []}])
def test_missing_logprobs_are_none(logprobs: object) -> None:
    assert read_chunk(chunk(logprobs=logprobs), keep=False).top_logprobs == []


def test_a_missing_total_is_the_sum_of_its_parts() -> None:
    usage = read_chunk(
        b'{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}', keep=False
    ).usage
    assert usage is not None
    assert usage.total_tokens == 7


@pytest.mark.parametrize("error", ['"overloaded"', '{"message":"overloaded"}'])
def test_an_error_inside_a_stream_is_one(error: str) -> None:
    with pytest.raises(ToldError, match="overloaded"):
        read_chunk(f'{{"error":{error}}}'.encode(), keep=False)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"choices": 5}', b'{"choices":[{"delta":{"content":5}}]}']
)
def test_what_is_not_openais_shape_is_refused(data: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        read_chunk(data, keep=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"error":{"message":"no"}}', "no"),
        (b'{"error":"no"}', "no"),
        (b'{"object":"error","message":"no"}', "no"),
        (b'{"detail":"no"}', "no"),
        (b'{"detail":[{"msg":"no"}]}', "no"),
        (b"<html>502</html>", ""),
    ],
)
def test_error_bodies_of_many_servers_are_understood(content: bytes, message: str) -> None:
    assert read_error(content).message == message


@given(
    st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b"")), max_size=20), st.integers(1, 30)
)
def test_lines_are_the_same_however_the_bytes_were_cut(parts: list[bytes], width: int) -> None:
    data = b"".join(part + b"\n" for part in parts)
    pieces = [data[at : at + width] for at in range(0, len(data), width)]
    assert list(lines(pieces)) == parts


def test_infinity_is_no_probability_but_no_reason_to_lose_a_trace() -> None:
    data = b'{"choices":[{"delta":{},"logprobs":{"content":[{"top_logprobs":[{"logprob":-Infinity}]}]}}]}'
    assert read_chunk(data, keep=False).top_logprobs == [[]]


@pytest.mark.parametrize("data", [b'{"choices":null}', b'{"choices":[],"usage":{"prompt_tokens":1.0}}'])
def test_nulls_and_floats_are_tolerated(data: bytes) -> None:
    assert read_chunk(data, keep=False).text == ""


@pytest.mark.parametrize("tops", [{}, [5], "x", [{"logprob": "y"}]])
def test_ill_formed_alternatives_are_none(tops: object) -> None:
    chunk = json.dumps({"choices": [{"delta": {}, "logprobs": {"content": [{"top_logprobs": tops}]}}]})
    assert read_chunk(chunk.encode(), keep=True).top_logprobs == [[]]
