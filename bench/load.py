"""The load driver: a closed loop of clients against a running Chorus, and what it costs there."""

import argparse
import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from itertools import chain

import numpy as np

from bench.baseline import QUESTION
from bench.processes import Usage, find_groups, usage
from bench.wire import BadAnswer, post_json

WATCH_EVERY_S = 0.1
REQUEST_TIMEOUT_S = 90.0
FAILURES = (BadAnswer, OSError, TimeoutError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A closed loop; `extra` joins the request body."""

    clients: int
    traces: int
    requests: int
    strategy: str = "self_consistency"
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Clients x traces."""
        return f"{self.clients}x{self.traces}"

    @property
    def in_flight(self) -> int:
        """Traces at once."""
        return self.clients * self.traces

    @property
    def total_traces(self) -> int:
        """Traces in all."""
        return self.in_flight * self.requests


@dataclass(frozen=True, slots=True)
class Answered:
    """One request: latency as its client saw it, and the two times that Chorus reports."""

    latency_s: float
    upstream_s: float
    elapsed_s: float
    traces_failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRun:
    """What the closed loop took. p50 and p99 pairs are in the unit of their name.

    `added` is latency over the slowest trace. `after_vote` is latency less Chorus's own elapsed
    time: an upper bound of vote to response, as it includes reading the request.
    """

    wall_s: float
    requests_per_s: float
    latency_s: tuple[float, float]
    added_ms: tuple[float, float]
    after_vote_ms: tuple[float, float]
    errors: tuple[str, ...]
    cpu_ms_per_trace: Mapping[str, float]
    peak_rss_bytes: int

    @property
    def service_cpu_ms_per_trace(self) -> float:
        """All groups together."""
        return sum(self.cpu_ms_per_trace.values())


class Watch:
    """CPU and memory of the groups over a run."""

    def __init__(self, groups: Mapping[str, list[int]]) -> None:
        self._groups = groups
        self._before = self._now()
        self._after = self._before
        self.peak_rss_bytes = 0
        self.look()

    @property
    def cpu_s(self) -> Mapping[str, float]:
        """CPU seconds of each group, from the beginning of the watch to its last look."""
        return {name: self._after[name].cpu_s - self._before[name].cpu_s for name in self._groups}

    def look(self) -> None:
        """Takes the readings."""
        self._after = self._now()
        rss_bytes = sum(usage.rss_bytes for usage in self._after.values())
        self.peak_rss_bytes = max(self.peak_rss_bytes, rss_bytes)

    def _now(self) -> Mapping[str, Usage]:
        return {name: usage(pids) for name, pids in self._groups.items()}


@asynccontextmanager
async def watched(groups: Mapping[str, list[int]]):
    """A Watch that looks at the groups for as long as the block runs, and once more at its end."""
    watch = Watch(groups)

    async def keep_looking() -> None:
        while True:
            watch.look()
            await asyncio.sleep(WATCH_EVERY_S)

    looking = asyncio.create_task(keep_looking())
    try:
        yield watch
    finally:
        looking.cancel()
        watch.look()


async def ask(url: str, load: Load) -> Answered | str:
    """One request; what went wrong as a string."""
    body = {"model": "bench", "messages": QUESTION, "tts_budget": load.traces}
    asked_s = time.perf_counter()
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_S):
            answer = await post_json(url, {**body, "tts_strategy": load.strategy, **load.extra})
    except FAILURES as failure:
        return repr(failure)
    latency_s = time.perf_counter() - asked_s
    facts = answer["choices"][0]["tts_metadata"]
    return Answered(latency_s, facts["upstream_s"], facts["elapsed_s"], facts["traces_failed"])


async def drive(base_url: str, load: Load, supervisor: int) -> LoadRun:
    """Runs the closed loop against `base_url`, whose processes live below `supervisor`."""
    url = base_url + "/chat/completions"

    async def client() -> list[Answered | str]:
        return [await ask(url, load) for _ in range(load.requests)]

    async with watched(find_groups(supervisor)) as watch:
        begun_s = time.perf_counter()
        each = await asyncio.gather(*[client() for _ in range(load.clients)])
        wall_s = time.perf_counter() - begun_s
    return summary(load, list(chain.from_iterable(each)), wall_s, watch)


def summary(load: Load, answers: list[Answered | str], wall_s: float, watch: Watch) -> LoadRun:
    """The figures of a run."""
    good = [answer for answer in answers if isinstance(answer, Answered)]
    errors = [answer for answer in answers if isinstance(answer, str)]
    errors += [f"{a.traces_failed} traces failed" for a in good if a.traces_failed]
    return LoadRun(
        wall_s=wall_s,
        requests_per_s=len(good) / wall_s,
        latency_s=p50_p99([answer.latency_s for answer in good]),
        added_ms=p50_p99([1000 * (a.latency_s - a.upstream_s) for a in good]),
        after_vote_ms=p50_p99([1000 * (a.latency_s - a.elapsed_s) for a in good]),
        errors=tuple(errors),
        cpu_ms_per_trace={k: 1000 * cpu_s / load.total_traces for k, cpu_s in watch.cpu_s.items()},
        peak_rss_bytes=watch.peak_rss_bytes,
    )


def p50_p99(values: list[float]) -> tuple[float, float]:
    """Median and 99th percentile; nan without values."""
    if not values:
        return float("nan"), float("nan")
    p50, p99 = np.percentile(values, [50, 99])
    return float(p50), float(p99)


def main() -> None:
    """The command line; prints the run as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True, help="Chorus's base URL, with /v1")
    parser.add_argument("--supervisor", type=int, required=True, help="process id of `chorus up`")
    parser.add_argument("--strategy", default="self_consistency")
    for name, default in (("clients", 1), ("traces", 8), ("requests", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = vars(parser.parse_args())
    url, supervisor = asked.pop("url"), asked.pop("supervisor")
    print(json.dumps(asdict(asyncio.run(drive(url, Load(**asked), supervisor)))))


if __name__ == "__main__":
    main()
