"""A fast scripted upstream, as a process of its own: `python -m bench.upstream --port 0`.

Everything is rendered before the first call; one timer writes to all streams that are due.
"""

import argparse
import asyncio
import json
import re
import resource
from dataclasses import dataclass
from functools import lru_cache, partial

import msgspec

TICK_S = 0.01
BACKLOG = 4096
ANSWERS = (42, 42, 41, 42, 43, 42, 42, 41)
PROMPT_TOKENS = 10
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n%s\r\n\r\n"
MODELS = {"object": "list", "data": [{"id": "bench", "object": "model", "created": 0, "owned_by": "bench"}]}


@dataclass(frozen=True, slots=True)
class Script:
    """A rendered stream: `tokens` without the last one, which is one of `answers`."""

    opening: bytes
    tokens: tuple[bytes, ...]
    answers: tuple[bytes, ...]
    ending: bytes

    def token(self, index: int, call: int) -> bytes:
        """The event of a token; five calls of eight answer 42."""
        return self.tokens[index] if index < len(self.tokens) else self.answers[call % len(ANSWERS)]


@lru_cache(maxsize=16)
def render(tokens: int, k: int) -> Script:
    """The stream of so many tokens with k alternatives each."""
    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": tokens}
    usage["total_tokens"] = sum(usage.values())
    finish = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    role = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    framing = b"transfer-encoding: chunked"
    return Script(
        opening=HEAD % (b"text/event-stream", framing) + event([role]),
        tokens=tuple(event([spoken(f" step{i}", k)]) for i in range(tokens - 1)),
        answers=tuple(event([spoken(f" \\boxed{{{answer}}}", k)]) for answer in ANSWERS),
        ending=event([finish]) + event([], usage=usage) + framed(b"data: [DONE]\n\n") + b"0\r\n\r\n",
    )


def spoken(token: str, k: int) -> dict:
    """A choice that says one token."""
    top = [candidate(token if rank == 0 else f" other{rank}", rank) for rank in range(k)]
    entry = {**candidate(token, 0), "top_logprobs": top}
    logprobs = {"content": [entry], "refusal": None}
    return {"index": 0, "delta": {"content": token}, "logprobs": logprobs, "finish_reason": None}


def candidate(token: str, rank: int) -> dict:
    """One alternative in OpenAI's shape."""
    return {"token": token, "logprob": -0.0813 - 1.1372 * rank, "bytes": list(token.encode())}


def event(choices: list[dict], **extra: object) -> bytes:
    """A server-sent event as one chunk of the body."""
    envelope = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1_700_000_000}
    body = {**envelope, "model": "bench", "choices": choices, **extra}
    return framed(b"data: " + msgspec.json.encode(body) + b"\n\n")


def framed(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%s\r\n" % (len(data), data)


class Pace:
    """All running streams, and the one timer that moves them."""

    def __init__(self, tokens: int, rate: float, k: int) -> None:
        self.tokens, self.rate, self.k = tokens, rate, k
        self.calls = self.aborted = self.max_concurrent = 0
        self._running: set[Stream] = set()
        self._loop = asyncio.get_running_loop()

    def start(self, stream: "Stream") -> int:
        """Takes a stream in; returns the number of its call."""
        if not self._running:
            self._loop.call_later(TICK_S, self._tick)
        self._running.add(stream)
        self.max_concurrent = max(self.max_concurrent, len(self._running))
        self.calls += 1
        return self.calls - 1

    def end(self, stream: "Stream", *, aborted: bool = False) -> None:
        """Lets a stream go."""
        if stream in self._running:
            self._running.remove(stream)
            self.aborted += aborted

    def stats(self) -> dict:
        """The body of GET /stats."""
        spent = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "calls": self.calls,
            "aborted": self.aborted,
            "running": len(self._running),
            "max_concurrent": self.max_concurrent,
            "cpu_s": spent.ru_utime + spent.ru_stime,
        }

    def _tick(self) -> None:
        started_s = self._loop.time()
        for stream in tuple(self._running):
            stream.advance(started_s)
        if self._running:
            self._loop.call_at(started_s + TICK_S, self._tick)


class Stream(asyncio.Protocol):
    """A client connection and the answer that runs on it."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets a client."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Answers as soon as the request is whole."""
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        if blank and len(body) >= int(length[1] if length else 0):
            self._received = b""
            self._answer(head, body)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Stops the answer."""
        self._pace.end(self, aborted=True)

    def advance(self, now_s: float) -> None:
        """Writes the tokens that are due, each by itself."""
        due = min(int((now_s - self._started_s) * self._rate), self._tokens)
        for index in range(self._sent, due):
            self._transport.write(self._script.token(index, self._call))
        self._sent = due
        if due == self._tokens:
            self._transport.write(self._script.ending)
            self._pace.end(self)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"POST "):
            self._begin(msgspec.json.decode(body))
        else:
            known = self._pace.stats() if head.startswith(b"GET /stats") else MODELS
            data = msgspec.json.encode(known)
            length = b"content-length: %d" % len(data)
            self._transport.write(HEAD % (b"application/json", length) + data)

    def _begin(self, asked: dict) -> None:
        self._tokens = asked.get("bench_tokens", self._pace.tokens)
        self._rate = asked.get("bench_rate", self._pace.rate)
        self._script = render(self._tokens, self._pace.k)
        self._started_s = asyncio.get_running_loop().time()
        self._sent = 0
        self._call = self._pace.start(self)
        self._transport.write(self._script.opening)


async def serve(port: int, tokens: int, rate: float, k: int) -> None:
    """Serves until it is killed; prints {"port": ...} when it listens."""
    render(tokens, k)
    pace = Pace(tokens, rate, k)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(Stream, pace), "127.0.0.1", port, backlog=BACKLOG)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rate", type=float, default=100.0, help="tokens per second and stream")
    parser.add_argument("--top-logprobs", type=int, default=20)
    asked = parser.parse_args()
    asyncio.run(serve(asked.port, asked.tokens, asked.rate, asked.top_logprobs))


if __name__ == "__main__":
    main()
