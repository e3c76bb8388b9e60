"""CPU and memory of the service's processes, read from /proc."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
GROUPS = ("workers", "web", "redis")
# In this order: a worker's command line may name the store it talks to.
MARKS = (("celery", "workers"), ("gunicorn", "web"), ("valkey", "redis"), ("redis", "redis"))


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds so far and resident bytes now."""

    cpu_s: float = 0.0
    rss_bytes: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.cpu_s + other.cpu_s, self.rss_bytes + other.rss_bytes)


def descendants(root: int) -> Iterator[int]:
    """All processes below `root`."""
    parents = dict(parent_links())
    below = {root}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    yield from below - {root}


def parent_links() -> Iterator[tuple[int, int]]:
    """Every process with its parent."""
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := stat(int(entry.name))):
            yield int(entry.name), int(fields[1])


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; empty when the process is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def group_of(pid: int) -> str | None:
    """workers, web, redis, or None for anything else."""
    try:
        line = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((group for mark, group in MARKS if mark in line), None)


def sampler_name(pid: int) -> str:
    """The node's name when the process is a sampling worker, else nothing."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    is_sampler = "celery" in words and "sample" in words
    return words[words.index("-n") + 1] if is_sampler else ""


def find_groups(supervisor: int) -> Mapping[str, list[int]]:
    """The process ids below `supervisor` by group."""
    found: dict[str, list[int]] = {group: [] for group in GROUPS}
    for pid in descendants(supervisor):
        if group := group_of(pid):
            found[group].append(pid)
    return found


def usage(pids: list[int]) -> Usage:
    """What these processes have used together."""
    return sum(map(usage_of, pids), Usage())


def usage_of(pid: int) -> Usage:
    """What a process has used; nothing when it is gone."""
    fields = stat(pid)
    if not fields:
        return Usage()
    return Usage((int(fields[11]) + int(fields[12])) / TICKS_PER_S, int(fields[21]) * PAGE_BYTES)
