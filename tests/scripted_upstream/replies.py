"""The replies a test can script. Each constructor takes `**delivery`: the fields of `Delivery`."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from scripted_upstream.completion import (
    DONE,
    Completion,
    Delivery,
    Piece,
    opening,
    played,
    split_tokens,
    tokens,
)
from scripted_upstream.exchange import (
    LAST_CHUNK,
    Call,
    Hang,
    Json,
    Reply,
    Step,
    Write,
    event,
    framed,
    json_answer,
)

ENDLESS_WORDS = "so we think on and on " * 50
NOT_JSON = b"{]not json"


def text(text: str, **delivery: Any) -> Reply:
    """An ordinary answer."""
    return completion(spoken("content", text), {"content": text}, Delivery(**delivery))


def going_on(call: Call, *known: str, **delivery: Any) -> Reply:
    """Goes on with the assistant's message that ends the call, as the first text does that begins with it,
    up to a stop word; where there is none it says the first text."""
    last = call.body["messages"][-1]
    begun = last["content"] if last["role"] == "assistant" else ""
    rest = next((one.removeprefix(begun) for one in known if one.startswith(begun)), "")
    for word in call.body.get("stop") or ():
        rest = rest.partition(word)[0]
    return text(rest, **delivery)


def reasoning(text: str, reasoning_text: str, **delivery: Any) -> Reply:
    """An answer after a chain of thought in `reasoning_content`, as vLLM sends it."""
    pieces = spoken("reasoning_content", reasoning_text) + spoken("content", text)
    message = {"content": text, "reasoning_content": reasoning_text}
    return completion(pieces, message, Delivery(**delivery))


def tool_calls(calls: Sequence[Json], **delivery: Any) -> Reply:
    """Tool calls in OpenAI's shape; streamed, each one's arguments follow its name."""
    pieces = [piece for index, call in enumerate(calls) for piece in called(index, call)]
    message = {"content": None, "tool_calls": list(calls)}
    return completion(pieces, message, Delivery(**{"finish": "tool_calls", **delivery}))


def choices(recorded: Sequence[Json], **delivery: Any) -> Reply:
    """Replays choices in OpenAI's shape: call i gets choice i modulo their number, logprobs untouched."""

    def steps(call: Call) -> Iterator[Step]:
        choice = recorded[call.index % len(recorded)]
        known = {"finish": choice["finish_reason"], "logprobs": bool(choice.get("logprobs"))}
        settings = Delivery(**{**known, **delivery})
        return played(Completion(replayed(choice), choice["message"], settings), call)

    return Reply(steps, Delivery(**delivery).close_after)


def error(
    status: int,
    *,
    message: str = "The scripted upstream refuses.",
    type: str = "invalid_request_error",  # noqa: A002 the word of OpenAI's error object
    code: str | None = None,
    retry_after: float | str | None = None,
    body: bytes | None = None,
) -> Reply:
    """An error response in OpenAI's shape, or with `body` as it is."""
    fields = {} if retry_after is None else {"retry_after": retry_after}
    said = {"error": {"message": message, "type": type, "param": None, "code": code}}
    return written(json_answer(said if body is None else body, status, **fields))


def hang(after_tokens: int = 0, **delivery: Any) -> Reply:
    """Silence after so many tokens; after none, or unstreamed, not even a status line comes."""
    streamed = [Hang()]
    if after_tokens == 0:
        return Reply(lambda _call: iter(streamed))
    return broken_off(after_tokens, streamed, [Hang()], Delivery(**delivery))


def cut(after_tokens: int = 3, **delivery: Any) -> Reply:
    """Closes the connection in the middle of the chunk (or body) after so many tokens."""
    half_chunk = Write(event({"choices": [{"index": 0, "delta": {"content": "hal"}}]})[:-20])
    half_body = Write(json_answer({"choices": []})[:-5])
    closing = Delivery(**{**delivery, "close_after": True})
    return broken_off(after_tokens, [half_chunk], [half_body], closing)


def drop() -> Reply:
    """Closes the connection without a byte of an answer."""
    return written(b"", close_after=True)


def garbage(after_tokens: int = 0, *, whole: bool = False, **delivery: Any) -> Reply:
    """An event (or body) that is not JSON; `whole`: a response that is not even HTTP."""
    if whole:
        return written(b"SSH-2.0-OpenSSH_9.6\r\n", close_after=True)
    noise = Write(framed(b"data: " + NOT_JSON + b"\n\n") + DONE)
    return broken_off(after_tokens, [noise], [Write(json_answer(NOT_JSON))], Delivery(**delivery))


def raw(capture: bytes | str | Path, *, whole: bool = True, close_after: bool = False) -> Reply:
    """Replays a captured response byte for byte.

    A body that claims to be chunked but was saved without its framing (as `curl -i` does) is framed
    again, one event a chunk. `whole=False` leaves out the last chunk and closes: a broken stream.
    """
    data = capture if isinstance(capture, bytes) else Path(capture).read_bytes()
    start, blank, body = data.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in start.lower() and not re.match(rb"[0-9a-fA-F]+\r\n", body):
        events = re.findall(rb".+?(?:\n\n|\Z)", body, re.DOTALL)
        data = start + blank + b"".join(map(framed, events)) + (LAST_CHUNK if whole else b"")
    return written(data, close_after=close_after or not whole)


def written(data: bytes, *, close_after: bool = False) -> Reply:
    """These bytes and nothing else."""
    return Reply(lambda _call: iter([Write(data)]), close_after)


def completion(pieces: Sequence[Piece], message: Json, delivery: Delivery) -> Reply:
    """Whatever a model says, delivered as the call asks for it."""
    said = Completion(pieces, message, delivery)
    return Reply(lambda call: played(said, call), delivery.close_after)


def broken_off(
    after_tokens: int, streamed: Sequence[Step], plain: Sequence[Step], delivery: Delivery
) -> Reply:
    """The start of a stream, then `streamed` instead of the rest; unstreamed, only `plain`."""
    said = Completion(spoken("content", ENDLESS_WORDS), {}, delivery)

    def steps(call: Call) -> Iterator[Step]:
        if not call.streams:
            yield from plain
            return
        yield opening(said, call)
        # Every token is a wait and a write.
        yield from islice(tokens(said, call), 2 * after_tokens)
        yield from streamed

    return Reply(steps, delivery.close_after)


def spoken(field: str, string: str) -> list[Piece]:
    """The tokens of a text that arrives in this field of the delta."""
    return [Piece({field: token}, token) for token in split_tokens(string)]


def called(index: int, call: Json) -> list[Piece]:
    """A tool call as two deltas: who is called, then with what."""
    function = call["function"]
    named = {**call, "index": index, "function": {"name": function["name"], "arguments": ""}}
    given = {"index": index, "function": {"arguments": function["arguments"]}}
    return [
        Piece({"tool_calls": [named]}, function["name"]),
        Piece({"tool_calls": [given]}, function["arguments"]),
    ]


def replayed(choice: Json) -> list[Piece]:
    """A recorded choice, entry by entry; its text comes at once where entries do not spell it."""
    content = choice["message"].get("content") or ""
    entries = (choice.get("logprobs") or {}).get("content") or []
    if not entries:
        return spoken("content", content)
    spelt = [entry["token"] for entry in entries]
    if "".join(spelt) != content:
        spelt = [content, *[""] * (len(entries) - 1)]
    return [Piece({"content": part}, part, entry) for part, entry in zip(spelt, entries, strict=True)]
