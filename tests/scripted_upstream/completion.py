"""A completion as an OpenAI-compatible server sends it: events or one body, with logprobs."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import floor, log2
from typing import Any

from scripted_upstream.exchange import (
    EVENT_STREAM,
    LAST_CHUNK,
    Call,
    Json,
    Step,
    Wait,
    Write,
    event,
    framed,
    json_answer,
)

PROMPT_TOKENS = 10
CREATED = 1_700_000_000
TOKEN = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")
DONE = framed(b"data: [DONE]\n\n") + LAST_CHUNK


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How a completion travels.

    `confidence` in nats, one for all tokens or a function of the token's index; `dip` is
    (first token, token after the last, confidence there). `top_logprobs` overrides the k asked for.
    The whole answer takes `first_token_s` + tokens x `token_s`. `first_content` is the content of
    the role chunk: "" as OpenAI, None as llama.cpp. `message_extra` joins the message, or when
    streamed the role chunk's delta. `close_after` breaks the promised keep-alive, as llama.cpp.
    """

    confidence: float | Callable[[int], float] = 15.0
    dip: tuple[int, int, float] | None = None
    finish: str = "stop"
    top_logprobs: int | None = None
    token_s: float = 0.0
    first_token_s: float = 0.0
    usage: bool = True
    logprobs: bool = True
    first_content: str | None = ""
    message_extra: Mapping[str, Any] | None = None
    close_after: bool = False

    def confidence_at(self, index: int) -> float:
        """The confidence of the token at `index`."""
        if self.dip and self.dip[0] <= index < self.dip[1]:
            return self.dip[2]
        return self.confidence(index) if callable(self.confidence) else self.confidence


@dataclass(frozen=True, slots=True)
class Piece:
    """One token: its delta, its text, and its logprob entry where a recording gives one."""

    delta: Json
    token: str
    entry: Json | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What the model said: token by token, and as the message that a plain answer carries."""

    pieces: Sequence[Piece]
    message: Json
    delivery: Delivery


def split_tokens(string: str) -> list[str]:
    """The scripted tokenizer: words and signs, each with the space before it."""
    return TOKEN.findall(string)


def played(said: Completion, call: Call) -> Iterator[Step]:
    """A completion as events or as one body."""
    return streamed(said, call) if call.streams else plain(said, call)


def streamed(said: Completion, call: Call) -> Iterator[Step]:
    """Role chunk, tokens, finish, usage if asked for, [DONE]."""
    yield opening(said, call)
    yield from tokens(said, call)
    end = event(chunk(call, [shown({"delta": {}}, said.delivery.finish, None)]))
    if said.delivery.usage and (call.body.get("stream_options") or {}).get("include_usage"):
        end += event(chunk(call, [], usage=usage(said)))
    # In one write, so that a client that leaves at [DONE] has never left before the end.
    yield Write(end + DONE)


def opening(said: Completion, call: Call) -> Write:
    """The head and the role chunk."""
    extra = said.delivery.message_extra or {}
    delta = {"role": "assistant", "content": said.delivery.first_content, **extra}
    return Write(EVENT_STREAM + event(chunk(call, [shown({"delta": delta}, None, None)])))


def tokens(said: Completion, call: Call) -> Iterator[Step]:
    """A wait and a write for every token."""
    delay_s = said.delivery.first_token_s
    for index, piece in enumerate(said.pieces):
        yield Wait(delay_s + said.delivery.token_s)
        entries = entries_of(said.delivery, call, [piece], index)
        yield Write(event(chunk(call, [shown({"delta": piece.delta}, None, entries)])), tokens=1)
        delay_s = 0.0


def plain(said: Completion, call: Call) -> Iterator[Step]:
    """One chat.completion, when all of it has been thought of."""
    count = len(said.pieces)
    yield Wait(said.delivery.first_token_s + count * said.delivery.token_s)
    message = {"role": "assistant", **said.message, **(said.delivery.message_extra or {})}
    entries = entries_of(said.delivery, call, said.pieces, 0)
    body = chunk(call, [shown({"message": message}, said.delivery.finish, entries)])
    body["object"] = "chat.completion"
    if said.delivery.usage:
        body["usage"] = usage(said)
    yield Write(json_answer(body), tokens=count)


def chunk(call: Call, shown_choices: list[Json], **extra: Any) -> Json:
    """The envelope of every chunk."""
    return {
        "id": f"chatcmpl-{call.index}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": call.body.get("model", ""),
        "choices": shown_choices,
        **extra,
    }


def shown(said: Json, finish: str | None, entries: list[Json] | None) -> Json:
    """The one choice of a chunk or completion."""
    logprobs = None if entries is None else {"content": entries, "refusal": None}
    return {"index": 0, **said, "logprobs": logprobs, "finish_reason": finish}


def usage(said: Completion) -> Json:
    """A token a piece."""
    count = len(said.pieces)
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": count,
        "total_tokens": PROMPT_TOKENS + count,
    }


def entries_of(delivery: Delivery, call: Call, pieces: Sequence[Piece], start: int) -> list[Json] | None:
    """Logprob entries of tokens that begin at `start`, or None where none were asked for."""
    if not (delivery.logprobs and call.body.get("logprobs")):
        return None
    asked = call.body.get("top_logprobs") or 0
    k = asked if delivery.top_logprobs is None else delivery.top_logprobs
    return [
        piece.entry or invented(piece.token, delivery.confidence_at(index), k)
        for index, piece in enumerate(pieces, start)
    ]


def invented(token: str, confidence: float, k: int) -> Json:
    """An entry with k alternatives, the token first, whose mean logprob is -confidence."""
    values = spread(confidence, max(k, 1))
    names = [token, *(f" other{rank}" for rank in range(1, k))]
    top = [ranked(name, value) for name, value in zip(names, values, strict=True)]
    return {**ranked(token, values[0]), "top_logprobs": top[:k]}


def ranked(token: str, logprob: float) -> Json:
    """One candidate in OpenAI's shape."""
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


@lru_cache(maxsize=4096)
def spread(confidence: float, k: int) -> tuple[float, ...]:
    """k logprobs, descending, all <= 0, with mean -confidence.

    Their distance is a power of two, so that no rounding comes in for confidences that are
    short binary fractions.
    """
    if confidence <= 0 or k == 1:
        return (-confidence,) * k
    step = 2.0 ** floor(log2(2 * confidence / k))
    return tuple(-(confidence + (rank - (k - 1) / 2) * step) for rank in range(k))
