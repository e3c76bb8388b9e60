"""The raw baseline: the same upstream calls and the same parse, in one asyncio process.

No service, queue, store or vote: what any service around these calls has to be measured against.
Two clients: bare asyncio streams (the baseline) and httpx.AsyncClient (what one would write).
"""

import argparse
import asyncio
import json
import resource
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain

import httpx

from bench.wire import BadAnswer, post
from workers.wire import decode

QUESTION = [{"role": "user", "content": "What is 6 times 7? Think step by step."}]
BODY = {
    "model": "bench",
    "messages": QUESTION,
    "stream": True,
    "stream_options": {"include_usage": True},
    "logprobs": True,
    "top_logprobs": 20,
}
DATA = b"data: "

Sample = Callable[[str], Awaitable[float]]


@dataclass(frozen=True, slots=True)
class BaselineRun:
    """What a closed loop of clients x requests x traces took."""

    wall_s: float
    cpu_ms_per_trace: float
    latency_p50_s: float


async def sampled(reads: AsyncIterator[bytes]) -> float:
    """Parses one stream; returns the mean token confidence. Raises BadAnswer if it breaks off."""
    rest, confidences = b"", []
    async for received in reads:
        *lines, rest = (rest + received).split(b"\n")
        for line in lines:
            if line.startswith(DATA):
                if line == b"data: [DONE]":
                    return sum(confidences) / len(confidences)
                confidences += token_confidences(line[len(DATA) :])
    raise BadAnswer(f"the stream broke off after {len(confidences)} tokens")


def token_confidences(data: bytes) -> list[float]:
    """-mean of the top log-probabilities of each token in a chunk."""
    return [
        -sum([top.logprob for top in token.top_logprobs]) / len(token.top_logprobs)
        for choice in decode(data).choices
        if choice.logprobs
        for token in choice.logprobs.content
    ]


async def by_streams(url: str) -> float:
    """One trace over a bare connection."""
    async with aclosing(post(url, BODY)) as reads:
        return await sampled(reads)


async def by_httpx(client: httpx.AsyncClient, url: str) -> float:
    """One trace over httpx."""
    async with client.stream("POST", url, json=BODY) as response:
        return await sampled(response.aiter_raw())


async def closed_loop(sample: Callable[[], Awaitable[float]], shape: tuple[int, int, int]) -> list[float]:
    """Latencies (s) of the requests of all clients; `shape` is clients, traces, requests each."""
    clients, traces, requests = shape

    async def client() -> list[float]:
        latencies = []
        for _ in range(requests):
            asked_s = time.perf_counter()
            await asyncio.gather(*[sample() for _ in range(traces)])
            latencies.append(time.perf_counter() - asked_s)
        return latencies

    return list(chain.from_iterable(await asyncio.gather(*[client() for _ in range(clients)])))


async def measure(kind: str, url: str, shape: tuple[int, int, int]) -> BaselineRun:
    """Runs the closed loop with one kind of client, after one warm-up trace."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    async with httpx.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:
        sample = partial(by_httpx, client, url) if kind == "httpx" else partial(by_streams, url)
        await sample()
        cpu_before_s, begun_s = cpu_seconds(), time.perf_counter()
        latencies = sorted(await closed_loop(sample, shape))
        wall_s, cpu_s = time.perf_counter() - begun_s, cpu_seconds() - cpu_before_s
    traces = len(latencies) * shape[1]
    return BaselineRun(wall_s, 1000 * cpu_s / traces, latencies[len(latencies) // 2])


def cpu_seconds() -> float:
    """CPU time of this process so far."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def main() -> None:
    """The command line; prints the run as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="the upstream's base URL, with /v1")
    parser.add_argument("--kind", choices=["streams", "httpx"], default="streams")
    for name, default in (("clients", 1), ("traces", 8), ("requests", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    shape = (asked.clients, asked.traces, asked.requests)
    run = asyncio.run(measure(asked.kind, asked.url + "/chat/completions", shape))
    print(json.dumps(asdict(run)))


if __name__ == "__main__":
    main()
