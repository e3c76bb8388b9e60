"""Traces of one run taken over by another, which then has so many fewer to sample."""

from collections.abc import Sequence
from dataclasses import replace

from tts_core.errors import JobGone
from tts_core.model import Trace, Why
from workers.records import NOTHING
from workers.runs import RunGone, Runs

AT_ONCE = 64


def take_over(runs: Runs, old_id: str, run_id: str) -> None:
    """Copy what may be used again from one run to another that has not begun, under the same indexes:
    sampling tasks then find those traces kept. What is there already stays as it is.

    Raises JobGone.
    """
    try:
        old = runs.load(old_id)
    except RunGone as error:
        raise JobGone(f"The job {old_id!r} was deleted, or its time is over.") from error
    there = runs.load(run_id).traces
    wanted = [t for i, t in sorted(old.traces.items()) if reusable(t) and i not in there]
    for start in range(0, len(wanted), AT_ONCE):
        copy(runs, old_id, run_id, wanted[start : start + AT_ONCE])


def copy(runs: Runs, old_id: str, run_id: str, traces: Sequence[Trace]) -> None:
    """Copy a few traces with all that belongs to them."""
    indexes = [trace.index for trace in traces]
    texts, confidences = runs.texts(old_id, indexes), runs.confidences(old_id, indexes)
    for trace in traces:
        if trace.index in texts:
            runs.keep(run_id, reused(trace), texts[trace.index], confidences.get(trace.index, ()))


def reusable(trace: Trace) -> bool:
    """Whether a trace need not be sampled again: it ended of itself, or by its own confidence."""
    return trace.usable or trace.stop is Why.THRESHOLD


def reused(trace: Trace) -> Trace:
    """The trace as one that costs nothing here."""
    return replace(trace, usage=NOTHING, unreported=0, blind=0, attempts=0, cost=0.0, blind_usd=0.0)
