"""What is run: each load by the baseline and by Chorus in turn, then many clients that only wait."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from statistics import median

import msgspec

from bench.baseline import BaselineRun
from bench.load import Load, LoadRun, drive, watched
from bench.processes import find_groups
from bench.service import WAITING_CLIENTS, NotReady, Service

BASELINE_TIMEOUT_S = 120.0
SETTLE_S = 1.0
LOOK_EVERY_S = 0.2
GATHER_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to run: `pairs` of runs for each load, in order of traces in flight.

    The waiting clients wait `waiting_s`, of which `steady_s` are measured.
    """

    tokens: int
    rate: float
    pairs: int
    loads: tuple[Load, ...]
    waiting_s: int
    steady_s: float
    stop_after_s: float


FULL = Effort(
    tokens=200,
    rate=100.0,
    pairs=3,
    loads=(
        Load(clients=1, traces=8, requests=4),
        Load(clients=1, traces=64, requests=2),
        Load(clients=10, traces=8, requests=2),
        Load(clients=1, traces=256, requests=2),
        Load(clients=50, traces=8, requests=2),
        Load(clients=1, traces=512, requests=2),
    ),
    waiting_s=30,
    steady_s=8.0,
    stop_after_s=300.0,
)
QUICK = Effort(
    tokens=100,
    rate=100.0,
    pairs=2,
    loads=(
        Load(clients=1, traces=8, requests=1),
        Load(clients=10, traces=8, requests=1),
        Load(clients=1, traces=512, requests=1),
    ),
    waiting_s=20,
    steady_s=3.0,
    stop_after_s=35.0,
)


@dataclass(frozen=True, slots=True)
class Measured:
    """A load's runs: baseline and Chorus in the order A, B, A, B, ...; httpx once.

    `idle_bytes` is the resident memory of an idle Chorus, before any load.
    """

    load: Load
    baselines: tuple[BaselineRun, ...]
    httpx: BaselineRun
    runs: tuple[LoadRun, ...]
    idle_bytes: int

    @property
    def kb_per_trace(self) -> float:
        """Resident memory of all processes at its peak, over that of an idle Chorus."""
        peak_bytes = max(run.peak_rss_bytes for run in self.runs)
        return (peak_bytes - self.idle_bytes) / 1024 / self.load.in_flight

    @property
    def ratio(self) -> float:
        """Wall time of Chorus over that of the baseline right before it: the median of the pairs."""
        pairs = zip(self.runs, self.baselines, strict=True)
        return median(run.wall_s / baseline.wall_s for run, baseline in pairs)

    @property
    def cpu_ratio(self) -> float:
        """CPU per trace of all of Chorus's processes over the baseline's: the median of the pairs."""
        pairs = zip(self.runs, self.baselines, strict=True)
        return median(run.service_cpu_ms_per_trace / baseline.cpu_ms_per_trace for run, baseline in pairs)

    @property
    def errors(self) -> tuple[str, ...]:
        """What went wrong in any run."""
        return tuple(error for run in self.runs for error in run.errors)

    def median_of(self, figure: str, index: int | None = None) -> float:
        """The median over the runs of one figure, or of the p50 (0) or p99 (1) of a pair."""
        values = [getattr(run, figure) for run in self.runs]
        return median(values if index is None else [pair[index] for pair in values])


@dataclass(frozen=True, slots=True)
class Waiting:
    """Clients that only wait: the web's CPU meanwhile, in percent of one core.

    `at_once` of `clients` were seen waiting at the same time; with fewer than all of them the
    figure says nothing and is nan.
    """

    clients: int
    at_once: int
    web_cpu_percent: float
    errors: tuple[str, ...]


def measured_loads(service: Service, effort: Effort, only: str | None) -> Iterator[Measured]:
    """Runs the loads one after the other, for as long as the effort allows."""
    idle_bytes = warm_up(service)
    give_up_s = time.monotonic() + effort.stop_after_s
    for load in effort.loads:
        if only in (None, load.name) and time.monotonic() < give_up_s:
            yield Measured(load, *in_turn(service, load, effort.pairs, give_up_s), idle_bytes)


def in_turn(
    service: Service, load: Load, pairs: int, give_up_s: float
) -> tuple[tuple[BaselineRun, ...], BaselineRun, tuple[LoadRun, ...]]:
    """Baseline and Chorus in turn, at least once each; httpx once."""
    baselines, runs = [], []
    while len(runs) < pairs and (not runs or time.monotonic() < give_up_s):
        baselines.append(baseline(service, load, "streams"))
        runs.append(asyncio.run(drive(service.base_url, load, service.supervisor)))
    return tuple(baselines), baseline(service, load, "httpx"), tuple(runs)


def baseline(service: Service, load: Load, kind: str) -> BaselineRun:
    """One run of the baseline, in a process of its own."""
    shape = {"clients": load.clients, "traces": load.traces, "requests": load.requests}
    words = [f"--{name}={value}" for name, value in shape.items()]
    command = [sys.executable, "-m", "bench.baseline", f"--url={service.upstream_url}"]
    printed = subprocess.run(
        [*command, f"--kind={kind}", *words],
        check=True,
        stdout=subprocess.PIPE,
        timeout=BASELINE_TIMEOUT_S,
    ).stdout
    return msgspec.json.decode(printed, type=BaselineRun)


def warm_up(service: Service) -> int:
    """Lets the first requests pay for imports and connections; returns the idle memory in bytes.

    It is read after the very first trace, before a crowd has left its buffers behind.
    """
    idle_bytes = first_answer(service, traces=1).peak_rss_bytes
    first_answer(service, traces=64)
    return idle_bytes


def first_answer(service: Service, traces: int) -> LoadRun:
    """A short run. Raises NotReady when Chorus does not answer it."""
    load = Load(clients=1, traces=traces, requests=1, extra={"bench_tokens": 20})
    run = asyncio.run(drive(service.base_url, load, service.supervisor))
    if run.errors:
        raise NotReady(f"Chorus does not answer: {run.errors[0]}")
    return run


async def waiting(service: Service, effort: Effort) -> Waiting:
    """Many requests of one slow trace each; measured while all of them run."""
    slow = {"bench_tokens": effort.waiting_s, "bench_rate": 1.0}
    load = Load(clients=WAITING_CLIENTS, traces=1, requests=1, strategy="single", extra=slow)
    asking = asyncio.create_task(drive(service.base_url, load, service.supervisor))
    at_once = await gathered(service, asking)
    await asyncio.sleep(SETTLE_S)
    cpu_percent = await web_cpu_percent(service, effort.steady_s)
    stayed = await running_now(service) == WAITING_CLIENTS
    errors = (await asking).errors
    return Waiting(WAITING_CLIENTS, at_once, cpu_percent if stayed else nan, errors)


async def web_cpu_percent(service: Service, steady_s: float) -> float:
    """The web's CPU over the next `steady_s`, in percent of one core."""
    begun_s = time.perf_counter()
    async with watched(find_groups(service.supervisor)) as watch:
        await asyncio.sleep(steady_s)
    return 100 * watch.cpu_s["web"] / (time.perf_counter() - begun_s)


async def gathered(service: Service, asking: asyncio.Task[LoadRun]) -> int:
    """Waits until all clients are served at once or no more will come; returns the most there were."""
    give_up_s = time.monotonic() + GATHER_TIMEOUT_S
    most = 0
    while time.monotonic() < give_up_s and not asking.done() and most < WAITING_CLIENTS:
        await asyncio.sleep(LOOK_EVERY_S)
        most = max(most, await running_now(service))
    return most


async def running_now(service: Service) -> int:
    """How many streams the upstream serves."""
    return int((await asyncio.to_thread(service.upstream_stats))["running"])
