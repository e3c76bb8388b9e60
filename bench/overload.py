"""Ten times as much as Chorus can do, for a minute: what is accepted, refused, lost, and what it takes."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import httpx
import msgspec

from bench.baseline import QUESTION
from bench.load import FAILURES, p50_p99
from bench.processes import find_groups, usage
from bench.report import conditions, table
from bench.service import Service, running_service
from bench.wire import post

FACTOR = 10
TRACES = 4
TOKENS, RATE = 50, 100.0
CLOSED_CLIENTS = 48
MEASURED_S, QUICK_MEASURED_S = 10.0, 4.0
OVERLOAD_S, QUICK_OVERLOAD_S = 60.0, 10.0
JOB_EVERY = 5  # of so many requests one is a job that nobody waits for
GIVE_UP_S = 150.0
LOOK_EVERY_S = 0.5
SETTINGS = {
    "WEB_THREADS": "256",
    "WORKERS": "1",
    "WORKER_CONCURRENCY": "64",
    "MAX_WAITING_TRACES": "256",
}
HEADER = ("", "number", "p50 s", "p99 s")
REFUSED = (429, 503)


@dataclass(frozen=True, slots=True)
class Told:
    """One request: its status (0: no answer at all), how long it took, the job that it has begun."""

    status: int
    latency_s: float
    job_id: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """What was measured. Memory in bytes by group, before and after."""

    capacity_per_s: float
    offered_per_s: float
    seconds: float
    waited: tuple[Told, ...]
    jobs: tuple[Told, ...]
    endings: Mapping[str, int]
    before: Mapping[str, int]
    after: Mapping[str, int]
    crashed: int
    ready_s: float


def section(quick: bool, command: str, load_before: float) -> str:
    """Runs everything; the section of the page."""
    with running_service(SETTINGS, tokens=TOKENS, rate=RATE) as service:
        found = asyncio.run(measured(service, quick))
    return "\n\n".join(
        (
            "## Overload",
            f"{conditions(command, load_before)}\n\n{setting(found)}",
            table(HEADER, rows(found)),
            verdict(found),
            memory(found),
        )
    )


async def measured(service: Service, quick: bool) -> Overload:
    """Find out what can be done, offer ten times that, and look what became of all that was accepted."""
    groups = find_groups(service.supervisor)
    capacity = await capacity_of(service, QUICK_MEASURED_S if quick else MEASURED_S)
    before = resident(groups)
    seconds = QUICK_OVERLOAD_S if quick else OVERLOAD_S
    begun_s = time.perf_counter()
    told = await offered(service, FACTOR * capacity, seconds)
    spent_s = time.perf_counter() - begun_s
    jobs = [one for one in told if one.job_id]
    endings = await ended(service, [one.job_id for one in jobs])
    ready_s = await until_ready(service)
    return Overload(
        capacity_per_s=capacity,
        offered_per_s=len(told) / seconds,
        seconds=spent_s,
        waited=tuple(one for one in told if not one.job_id),
        jobs=tuple(jobs),
        endings=endings,
        before=before,
        after=resident(groups),
        crashed=sum(not usage([pid]).rss_bytes for pids in groups.values() for pid in pids),
        ready_s=ready_s,
    )


async def capacity_of(service: Service, seconds: float) -> float:
    """Requests a second that are answered when clients wait for each other."""
    end_s = time.perf_counter() + seconds

    async def client() -> int:
        done = 0
        while time.perf_counter() < end_s:
            done += (await ask(service, job=False)).status == 200
        return done

    begun_s = time.perf_counter()
    done = await asyncio.gather(*(client() for _ in range(CLOSED_CLIENTS)))
    return sum(done) / (time.perf_counter() - begun_s)


async def offered(service: Service, per_s: float, seconds: float) -> list[Told]:
    """Requests at a steady rate, whether those before have been answered or not."""
    begun_s = time.perf_counter()
    going: list[asyncio.Task[Told]] = []
    for number in range(round(per_s * seconds)):
        await asyncio.sleep(max(0.0, begun_s + number / per_s - time.perf_counter()))
        going.append(asyncio.create_task(ask(service, job=number % JOB_EVERY == 0)))
    return list(await asyncio.gather(*going))


async def ask(service: Service, *, job: bool) -> Told:
    """One request, and what became of it."""
    body = {
        "model": "bench",
        "messages": QUESTION,
        "tts_budget": TRACES,
        "tts_strategy": "self_consistency",
    }
    url = service.base_url + ("/jobs" if job else "/chat/completions")
    begun_s = time.perf_counter()
    try:
        async with asyncio.timeout(GIVE_UP_S):
            received = b"".join([part async for part in post(url, body)])
    except FAILURES as failure:
        return Told(0, time.perf_counter() - begun_s, fault=repr(failure))
    head, _, answer = received.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1]) if head else 0
    job_id = msgspec.json.decode(answer)["id"] if status == 202 else ""
    fault = "" if head else "closed without an answer"
    return Told(status, time.perf_counter() - begun_s, job_id, fault)


async def ended(service: Service, job_ids: list[str]) -> Mapping[str, int]:
    """How the accepted jobs have ended; those that go on after all patience are `lost`."""
    found: Counter[str] = Counter()
    give_up_s = time.perf_counter() + GIVE_UP_S
    async with httpx.AsyncClient(base_url=service.base_url, trust_env=False, timeout=30) as client:
        for job_id in job_ids:
            found[await ending_of(client, job_id, give_up_s)] += 1
    return found


async def ending_of(client: httpx.AsyncClient, job_id: str, give_up_s: float) -> str:
    """The status that a job has ended with."""
    while time.perf_counter() < give_up_s:
        answer = await client.get(f"/jobs/{job_id}")
        if answer.status_code != 200:
            return "lost"
        if (status := answer.json()["status"]) not in ("queued", "in_progress"):
            return str(status)
        await asyncio.sleep(LOOK_EVERY_S)
    return "lost"


async def until_ready(service: Service) -> float:
    """Seconds until a plain question is answered again."""
    begun_s = time.perf_counter()
    while (await ask(service, job=False)).status != 200:
        await asyncio.sleep(LOOK_EVERY_S)
    return time.perf_counter() - begun_s


def resident(groups: Mapping[str, list[int]]) -> Mapping[str, int]:
    """Memory of each group."""
    return {name: usage(pids).rss_bytes for name, pids in groups.items()}


def rows(found: Overload) -> list[tuple[str, ...]]:
    """A line for every way in which a request went."""
    status = [one.status for one in found.waited]
    others = sorted({*status} - {200, *REFUSED})
    kinds = [
        ("answered (200)", [one for one in found.waited if one.status == 200]),
        ("jobs accepted (202)", list(found.jobs)),
        *((f"refused ({code})", [one for one in found.waited if one.status == code]) for code in REFUSED),
        *((f"**{code or 'no answer'}**", [o for o in found.waited if o.status == code]) for code in others),
    ]
    return [(name, str(len(told)), *latencies(told)) for name, told in kinds]


def latencies(told: list[Told]) -> tuple[str, str]:
    """p50 and p99."""
    p50, p99 = p50_p99([one.latency_s for one in told])
    return (f"{p50:.2f}", f"{p99:.2f}") if told else ("-", "-")


def setting(found: Overload) -> str:
    """What was run."""
    return (
        f"First {CLOSED_CLIENTS} clients ask in a closed loop: {found.capacity_per_s:.1f} requests/s are "
        f"answered, {TRACES} traces each of {TOKENS} tokens at {RATE:g} tokens/s. Then requests come "
        f"at a steady {FACTOR} times that ({found.offered_per_s:.0f}/s; all were answered after "
        f"{found.seconds:.0f} s), one in {JOB_EVERY} of them a job that nobody waits for. Settings: "
        f"{', '.join(f'`{name}={value}`' for name, value in SETTINGS.items())}."
    )


def verdict(found: Overload) -> str:
    """What became of what was accepted."""
    lost = found.endings.get("lost", 0)
    told = ", ".join(f"{count} {name}" for name, count in sorted(found.endings.items())) or "none"
    faults = Counter(one.fault for one in found.waited if one.fault)
    worst = "".join(f" Without an answer: {count} x `{name}`." for name, count in faults.most_common(2))
    return (
        f"Accepted jobs: {told}; **lost: {lost}**. Processes that had crashed: {found.crashed}. A plain "
        f"question was answered again {found.ready_s:.1f} s after the last job had ended.{worst}"
    )


def memory(found: Overload) -> str:
    """What the processes hold."""
    told = ", ".join(
        f"{name} {found.before[name] / 1e6:.0f} -> {found.after[name] / 1e6:.0f} MB"
        for name in found.before
    )
    return f"Resident memory before and after: {told}."
