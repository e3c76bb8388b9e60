"""A fast scripted upstream, as a process of its own: `python -m bench.upstream --port 0`.

One timer writes to all streams that are due. GET /stats counts; GET /calls tells of every call,
by the `bench_run` in its request.
"""

import argparse
import asyncio
import json
import re
import resource
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from bench.recorded import replay
from bench.scripts import HEAD, Scripts, uniform
from bench.wavering import wavering

TICK_S = 0.01
BACKLOG = 4096
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
MODELS = {"object": "list", "data": [{"id": "bench", "object": "model", "created": 0, "owned_by": "bench"}]}


@dataclass(slots=True)
class Call:
    """The upstream's own record of a call: its number among those of its question, tokens written."""

    question: str
    order: int
    sent: int = 0
    aborted: bool = False


class Pace:
    """All running streams, and the one timer that moves them."""

    def __init__(self, scripts: Scripts, rate: float) -> None:
        self.scripts, self.rate = scripts, rate
        self.max_concurrent = 0
        self.calls: defaultdict[str, list[Call]] = defaultdict(list)
        self._orders: Counter[tuple[str, str]] = Counter()
        self._running: set[Stream] = set()
        self._loop = asyncio.get_running_loop()

    def record(self, asked: Mapping[str, Any]) -> Call:
        """The record of a new call."""
        run, question = asked.get("bench_run", ""), asked["messages"][-1]["content"]
        call = Call(question, self._orders[run, question])
        self._orders[run, question] += 1
        self.calls[run].append(call)
        return call

    def start(self, stream: "Stream") -> None:
        """Takes a stream in."""
        if not self._running:
            self._loop.call_later(TICK_S, self._tick)
        self._running.add(stream)
        self.max_concurrent = max(self.max_concurrent, len(self._running))

    def end(self, stream: "Stream", *, aborted: bool = False) -> None:
        """Lets a stream go."""
        if stream in self._running:
            self._running.remove(stream)
            stream.call.aborted = aborted

    def stats(self) -> dict:
        """The body of GET /stats."""
        spent = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "calls": sum(map(len, self.calls.values())),
            "aborted": sum(call.aborted for calls in self.calls.values() for call in calls),
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
        due = min(int((now_s - self._started_s) * self._rate), len(self._script.events))
        for index in range(self.call.sent, due):
            if not self._transport.is_closing():
                self._transport.write(self._script.events[index])
        self.call.sent = due
        if due == len(self._script.events):
            self._transport.write(self._script.ending)
            self._pace.end(self)

    def _answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"POST "):
            self._begin(msgspec.json.decode(body))
        else:
            data = msgspec.json.encode(self._known(head.split(b" ")[1]))
            length = b"content-length: %d" % len(data)
            self._transport.write(HEAD % (b"application/json", length) + data)

    def _known(self, path: bytes) -> object:
        return {b"/stats": self._pace.stats(), b"/calls": self._pace.calls}.get(path, MODELS)

    def _begin(self, asked: dict) -> None:
        self.call = self._pace.record(asked)
        self._script = self._pace.scripts(asked, self.call.order)
        self._rate = asked.get("bench_rate", self._pace.rate)
        self._started_s = asyncio.get_running_loop().time()
        self._pace.start(self)
        self._transport.write(self._script.opening)


async def serve(port: int, scripts: Scripts, rate: float) -> None:
    """Serves until it is killed; prints {"port": ...} when it listens."""
    pace = Pace(scripts, rate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(partial(Stream, pace), "127.0.0.1", port, backlog=BACKLOG)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await server.serve_forever()


SCRIPTS: Mapping[str, Callable[[argparse.Namespace], Scripts]] = {
    "uniform": lambda asked: uniform(asked.tokens, asked.top_logprobs),
    "wavering": lambda asked: wavering(asked.top_logprobs),
    "recorded": lambda asked: replay(asked.data),
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", choices=SCRIPTS, default="uniform")
    parser.add_argument("--tokens", type=int, default=200, help="uniform: length of a trace")
    parser.add_argument("--data", type=Path, help="recorded: directory of the recordings")
    parser.add_argument("--rate", type=float, default=100.0, help="tokens per second and stream")
    parser.add_argument("--top-logprobs", type=int, default=20)
    asked = parser.parse_args()
    asyncio.run(serve(asked.port, SCRIPTS[asked.script](asked), asked.rate))


if __name__ == "__main__":
    main()
