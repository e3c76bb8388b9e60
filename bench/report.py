"""The page: figures, targets, and a plain sentence for each target that was missed."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

from bench.cases import Effort, Measured, Waiting

HEADER = (
    "clients x traces", "wall s", "ratio", "httpx ratio", "req/s", "latency p50/p99 s",
    "added p50/p99 ms", "after vote p50/p99 ms", "CPU ms/trace: workers + web + redis (baseline)",
    "CPU ratio", "KB/trace", "errors",
)  # fmt: skip
CROWDED_TRACES = 64
IDLE_LOAD = 0.5
BUSY = " (**others were using the machine: the figures are not to be relied on**)"


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and the most it may be. `sound`: no request failed, so that the figure counts."""

    name: str
    limit: float
    unit: str
    figure: float
    reading: str
    sound: bool

    @property
    def met(self) -> bool:
        """Whether the figure counts and is within the limit."""
        return self.sound and self.figure <= self.limit

    @property
    def miss(self) -> str:
        """What the miss means."""
        if isnan(self.figure):
            return f"**Not measured: {self.name}.** {self.reading}."
        if not self.sound:
            return f"**Not counted: {self.name}.** Requests failed, see above."
        factor = self.unit.removesuffix(" baseline")
        limit = f"instead of at most {self.limit:.3g}"
        return f"**Missed: {self.name}.** {self.figure:.4g} {factor} {limit}: {self.reading}."


def report(
    effort: Effort,
    cases: Sequence[Measured],
    waiting: Waiting | None,
    *,
    command: str,
    load_before: float,
) -> str:
    """The section on loads; `load_before` is the machine's load average before the run."""
    targets = list(targets_of(cases, waiting))
    sections = [
        "## Loads",
        introduction(effort, command, load_before),
        table(HEADER, [row(case) for case in cases]),
        LEGEND,
        "### Targets",
        table(("target", "limit", "measured", "met"), [target_row(target) for target in targets]),
        *reading_lines(targets, cases, waiting),
    ]
    return "\n\n".join(sections)


def conditions(command: str, load_before: float) -> str:
    """What wrote a section, and on what machine."""
    return (
        f"Written by `{command}`. {os.cpu_count()} cores ({processor()}), {memory_gb():.0f} GB, "
        f"Python {platform.python_version()}, {platform.system()}. Load driver, upstream, Redis, web "
        f"and workers share these cores. Load average before the run: {load_before:.1f}"
        f"{BUSY * (load_before > IDLE_LOAD)}."
    )


def introduction(effort: Effort, command: str, load_before: float) -> str:
    """What was run, and on what."""
    return (
        f"{conditions(command, load_before)}\n\n"
        f"Every trace is a stream of {effort.tokens} tokens at {effort.rate:g} tokens/s, each a chunk "
        "of about 2.1 KB with 20 top log-probabilities "
        f"({effort.tokens / effort.rate:g} s at best). The baseline makes the same calls and the same "
        "parse in one bare asyncio process, without a service. Baseline and Chorus run in turn "
        f"({effort.pairs} pairs of runs for each load); ratios are medians over the pairs."
    )


LEGEND = (
    "*ratio*: wall time over the baseline's; *httpx ratio*: the same for a baseline written with "
    "httpx.AsyncClient. *added*: latency at the client less the slowest trace. *after vote*: latency at "
    "the client less Chorus's own elapsed time, an upper bound of vote to HTTP response. *KB/trace*: "
    "resident memory of all processes at its peak over that of an idle Chorus, per trace in flight; "
    "what grows once and stays weighs on the small loads."
)


def row(case: Measured) -> tuple[str, ...]:
    """A line of the table of figures."""
    wall_s = case.median_of("wall_s")
    base = case.baselines[0]
    split = " + ".join(f"{case.runs[-1].cpu_ms_per_trace[g]:.1f}" for g in ("workers", "web", "redis"))
    return (
        case.load.name,
        f"{wall_s:.2f}",
        f"{case.ratio:.2f}",
        f"{case.httpx.wall_s / base.wall_s:.2f}",
        f"{case.median_of('requests_per_s'):.1f}",
        pair(case, "latency_s", ".2f"),
        pair(case, "added_ms", ".0f"),
        pair(case, "after_vote_ms", ".1f"),
        f"{split} ({base.cpu_ms_per_trace:.1f})",
        f"{case.cpu_ratio:.1f}",
        f"{case.kb_per_trace:.0f}",
        str(len(case.errors)),
    )


def pair(case: Measured, figure: str, digits: str) -> str:
    """p50 / p99."""
    return " / ".join(f"{case.median_of(figure, index):{digits}}" for index in (0, 1))


def targets_of(cases: Sequence[Measured], waiting: Waiting | None) -> Iterator[Target]:
    """The targets that the cases at hand can be held against."""
    found = {case.load.name: case for case in cases}
    for name, limit in (("1x8", 1.04), ("10x8", 1.15), ("50x8", 1.35), ("1x512", 1.5)):
        if name in found:
            yield wall_target(found[name], limit)
    if "1x8" in found:
        yield added_target(found["1x8"])
    if "10x8" in found:
        yield after_vote_target(found["10x8"])
    crowded = [case for case in cases if case.load.in_flight >= CROWDED_TRACES]
    if crowded:
        yield cpu_target(max(crowded, key=lambda case: case.cpu_ratio))
        yield memory_target(max(crowded, key=lambda case: case.load.in_flight))
    if waiting:
        yield waiting_target(waiting)


def wall_target(case: Measured, limit: float) -> Target:
    """Wall time against the baseline."""
    run, base = case.runs[-1], case.baselines[-1]
    busy = run.service_cpu_ms_per_trace * case.load.total_traces / 1000 / run.wall_s
    reading = (
        f"the last pair took {run.wall_s:.2f} s against {base.wall_s:.2f} s, and Chorus kept "
        f"{busy:.1f} of {os.cpu_count()} cores busy, next to upstream and driver"
    )
    name = f"wall time, {case.load.name}"
    return Target(name, limit, "x baseline", case.ratio, reading, not case.errors)


def added_target(case: Measured) -> Target:
    """Latency over the slowest trace."""
    after_ms, added_ms = case.median_of("after_vote_ms", 0), case.median_of("added_ms", 0)
    reading = (
        f"{added_ms - after_ms:.1f} ms of it by Chorus's own clock before the vote's end (queueing "
        f"and voting), {after_ms:.1f} ms at its HTTP side"
    )
    name = f"added latency p50, {case.load.name}"
    return Target(name, 40, "ms", added_ms, reading, not case.errors)


def after_vote_target(case: Measured) -> Target:
    """From the vote to the response."""
    p50_ms, p99_ms = (case.median_of("after_vote_ms", index) for index in (0, 1))
    reading = f"between Chorus's clock and the client's (p99 {p99_ms:.1f} ms), request read included"
    name = f"vote to HTTP response p50, {case.load.name}"
    return Target(name, 5, "ms", p50_ms, reading, not case.errors)


def cpu_target(case: Measured) -> Target:
    """CPU against the baseline."""
    run, base = case.runs[-1], case.baselines[-1]
    most, spent_ms = max(run.cpu_ms_per_trace.items(), key=lambda item: item[1])
    reading = (
        f"{run.service_cpu_ms_per_trace:.1f} ms against {base.cpu_ms_per_trace:.1f} ms in the last "
        f"pair, {spent_ms:.1f} ms of them in {most}"
    )
    name = f"CPU per trace, worst ({case.load.name})"
    return Target(name, 2.5, "x baseline", case.cpu_ratio, reading, not case.errors)


def memory_target(case: Measured) -> Target:
    """Memory per trace in flight."""
    name = f"memory per trace in flight, {case.load.name}"
    reading = "resident memory of all processes together"
    return Target(name, 120, "KB", case.kb_per_trace, reading, not case.errors)


def waiting_target(waiting: Waiting) -> Target:
    """What waiting costs."""
    name = f"CPU in web, {waiting.clients} clients waiting"
    reading = f"at most {waiting.at_once} of {waiting.clients} were served at once"
    return Target(name, 3, "%", waiting.web_cpu_percent, reading, not waiting.errors)


def target_row(target: Target) -> tuple[str, ...]:
    """A line of the table of targets."""
    limit, figure = (f"{value:.4g} {target.unit}" for value in (target.limit, target.figure))
    figure = "not measured" if isnan(target.figure) else figure
    return target.name, f"<= {limit}", figure, "yes" if target.met else "**no**"


def reading_lines(
    targets: Sequence[Target], cases: Sequence[Measured], waiting: Waiting | None
) -> list[str]:
    """A paragraph for every miss and every error."""
    missed = [target.miss for target in targets if not target.met]
    failed = [
        f"**Errors in {case.load.name}:** {len(case.errors)}, the first: `{case.errors[0]}`"
        for case in cases
        if case.errors
    ]
    if waiting and waiting.errors:
        failed.append(f"**Errors while waiting:** {len(waiting.errors)}, the first: `{waiting.errors[0]}`")
    return failed + (missed or ["All targets that were measured are met."] * bool(targets))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def processor() -> str:
    """The CPU's name where the system tells it."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def memory_gb() -> float:
    """Physical memory in GB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
