"""Throughput over the number of sampling workers, with an upstream that allows more than their slots."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from bench.load import Load, LoadRun, drive, watched
from bench.processes import descendants, sampler_name
from bench.report import conditions, table
from bench.service import Service, running_service

WORKERS = (1, 2, 4)
SLOTS = 16
TOKENS, RATE = 100, 100.0
TRACE_S = TOKENS / RATE
CLIENTS, TRACES = 16, 8
REQUESTS, QUICK_REQUESTS = 3, 1
HEADER = (
    "workers", "slots", "traces/s", "of what the slots allow", "over 1 worker",
    "CPU of each worker, share", "errors",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scaled:
    """A load on so many workers: the run, and the CPU seconds of each sampling process."""

    workers: int
    load: Load
    run: LoadRun
    cpu_s: Mapping[str, float]

    @property
    def traces_per_s(self) -> float:
        """Throughput."""
        return self.load.total_traces / self.run.wall_s

    @property
    def allowed_per_s(self) -> float:
        """What the slots allow when a trace takes as long as the upstream takes."""
        return self.workers * SLOTS / TRACE_S


def section(quick: bool, command: str, load_before: float) -> str:
    """Runs everything; the section of the page."""
    requests = QUICK_REQUESTS if quick else REQUESTS
    results = [scaled(workers, requests) for workers in WORKERS]
    first = results[0].traces_per_s
    return "\n\n".join(
        (
            "## Workers",
            f"{conditions(command, load_before)}\n\n{setting(requests)}",
            table(HEADER, [row(result, first) for result in results]),
            LEGEND,
        )
    )


def scaled(workers: int, requests: int) -> Scaled:
    """The load on so many workers."""
    load = Load(clients=CLIENTS, traces=TRACES, requests=requests)
    settings = {"WORKERS": str(workers), "WORKER_CONCURRENCY": str(SLOTS)}
    with running_service(settings, tokens=TOKENS, rate=RATE) as service:
        asyncio.run(drive(service.base_url, Load(clients=4, traces=8, requests=1), service.supervisor))
        run, cpu_s = asyncio.run(measured(service, load))
    return Scaled(workers, load, run, cpu_s)


async def measured(service: Service, load: Load) -> tuple[LoadRun, Mapping[str, float]]:
    """The load, and what each sampling process spent on it."""
    samplers = {name: [pid] for pid in descendants(service.supervisor) if (name := sampler_name(pid))}
    async with watched(samplers) as watch:
        run = await drive(service.base_url, load, service.supervisor)
    return run, watch.cpu_s


def row(result: Scaled, first: float) -> tuple[str, ...]:
    """A line of the table."""
    total = sum(result.cpu_s.values())
    shares = " ".join(f"{cpu_s / total:.0%}" for _, cpu_s in sorted(result.cpu_s.items()))
    return (
        str(result.workers),
        str(result.workers * SLOTS),
        f"{result.traces_per_s:.1f}",
        f"{result.traces_per_s / result.allowed_per_s:.0%}",
        f"{result.traces_per_s / first:.2f} x",
        shares,
        str(len(result.run.errors)),
    )


def setting(requests: int) -> str:
    """What was run."""
    return (
        f"{CLIENTS} clients ask for {TRACES} traces each, {requests} times in a row; a trace takes the "
        f"upstream {TRACE_S:g} s. A worker has {SLOTS} slots, so that slots are what is short, as they are "
        "with a slow upstream and enough cores."
    )


LEGEND = (
    "*of what the slots allow*: a slot could sample a trace after the other without a pause; rounds, votes "
    "and the last traces of each request keep some of them free. The shares show how evenly work is spread."
)
