"""What the scripted upstream says: streams rendered to bytes before their time comes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

ANSWERS = (42, 42, 41, 42, 43, 42, 42, 41)
PROMPT_TOKENS = 10
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n%s\r\n\r\n"
OPENING = HEAD % (b"text/event-stream", b"transfer-encoding: chunked")


@dataclass(frozen=True, slots=True)
class Script:
    """A rendered stream: one event per token, between the head and what ends it."""

    opening: bytes
    events: Sequence[bytes]
    ending: bytes


# The script that answers a request's body; the number counts the calls of a question in a `bench_run`.
Scripts = Callable[[Mapping[str, Any], int], Script]


def uniform(tokens: int, k: int) -> Scripts:
    """Streams of so many tokens with k alternatives each; five calls of eight answer 42."""
    steps(tokens, k)

    def script(asked: Mapping[str, Any], order: int) -> Script:
        events = steps(asked.get("bench_tokens", tokens), k)
        return enclosed((*events, conclusion(ANSWERS[order % len(ANSWERS)], k)))

    return script


@lru_cache(maxsize=16)
def steps(tokens: int, k: int) -> tuple[bytes, ...]:
    """The events of a stream but for the last one."""
    return tuple(event([spoken(f" step{i}", alternatives(f" step{i}", k))]) for i in range(tokens - 1))


@lru_cache(maxsize=64)
def conclusion(answer: int, k: int) -> bytes:
    """The event that gives the answer."""
    token = f" \\boxed{{{answer}}}"
    return event([spoken(token, alternatives(token, k))])


def alternatives(token: str, k: int) -> list[tuple[str, float]]:
    """k candidates with their log-probabilities, the token itself first."""
    return [(token if rank == 0 else f" other{rank}", -0.0813 - 1.1372 * rank) for rank in range(k)]


def enclosed(events: Sequence[bytes], *, finish: str = "stop", completion_tokens: int = 0) -> Script:
    """A whole stream; the account tells the number of events, or `completion_tokens`."""
    opening, ending = envelope(finish, completion_tokens or len(events))
    return Script(opening, events, ending)


@lru_cache(maxsize=1024)
def envelope(finish: str, completion_tokens: int) -> tuple[bytes, bytes]:
    """What comes before the tokens and after them."""
    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": completion_tokens}
    usage["total_tokens"] = sum(usage.values())
    role = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    last = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish}
    done = framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    return OPENING + event([role]), event([last]) + event([], usage=usage) + done


def spoken(token: str, top: Sequence[tuple[str, float]], *, text: str | None = None) -> dict:
    """A choice that says one token, or `text` in its place; its log-probability is that of the first."""
    entry = {**candidate(token, top[0][1]), "top_logprobs": [candidate(*one) for one in top]}
    delta = {"content": token if text is None else text}
    logprobs = {"content": [entry], "refusal": None}
    return {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": None}


def candidate(token: str, logprob: float) -> dict:
    """One alternative in OpenAI's shape."""
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def event(choices: list[dict], **extra: object) -> bytes:
    """A server-sent event as one chunk of the body."""
    envelope = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_700_000_000}
    body = {**envelope, "model": "bench", "choices": choices, **extra}
    return framed(b"data: " + msgspec.json.encode(body) + b"\n\n")


def framed(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)
