"""How often faults are repeated, and how long it took to recover from them."""

import os
from collections import defaultdict
from collections.abc import Iterable
from statistics import median

REPEATS = int(os.environ.get("CHAOS_REPEATS", "0"))
ATTEMPTS = range(max(1, REPEATS))
PROMISED_S = 30.0
TIMES: defaultdict[str, list[float]] = defaultdict(list)


def note(fault: str, seconds: Iterable[float]) -> None:
    """Keep how long the runs took from the fault on."""
    TIMES[fault].extend(seconds)


def summary() -> str:
    """A line for each fault."""
    return "\n".join(
        f"{fault}: {len(times)} runs, median {median(times):.1f}, max {max(times):.1f}"
        for fault, times in sorted(TIMES.items())
    )
