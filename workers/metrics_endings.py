"""What a run's ending adds to the numbers. It is written once, and they are added in the same step."""

from tts_core.model import Trace
from workers import keys
from workers.metrics import (
    AGREEMENT,
    COMPLETION,
    COST,
    JUDGE_CALLS,
    PROMPT,
    RETRIES,
    RUN_S,
    RUNS,
    SAVED,
    TRACES,
    UNPRICED,
    Tally,
)
from workers.records import Ending

UNKNOWN = "unknown"


def sums(ending: Ending) -> tuple[str | bytes | float, ...]:
    """What the step that writes the ending is told: where the numbers are, then fields and amounts."""
    return (keys.METRICS, *(word for pair in tally_of(ending).pairs() for word in pair))


def tally_of(ending: Ending) -> Tally:
    """The numbers of a run."""
    tally, strategy = Tally(), ending.strategy or UNKNOWN
    outcome = "failed" if ending.fault or ending.vote is None else "answered"
    tally.count(RUNS, strategy, ending.why.value, outcome)
    tally.observe(RUN_S, ending.elapsed_s, strategy)
    if ending.vote and ending.vote.agreement is not None:
        tally.observe(AGREEMENT, ending.vote.agreement, strategy)
    tally.count(PROMPT, strategy, amount=ending.usage.prompt_tokens)
    tally.count(COMPLETION, strategy, amount=ending.usage.completion_tokens)
    tally.count(SAVED, strategy, amount=ending.saved_tokens)
    if ending.cost is None:
        tally.count(UNPRICED, strategy)
    else:
        tally.count(COST, strategy, amount=ending.cost)
    for trace in ending.traces:
        if not is_taken_over(trace):
            count_trace(tally, trace)
    return tally


def is_taken_over(trace: Trace) -> bool:
    """Whether another run has sampled and counted it."""
    return trace.attempts == 0 and trace.fault is None


def count_trace(tally: Tally, trace: Trace) -> None:
    """Count a trace, or a judge call, and its further attempts."""
    if trace.judge:
        tally.count(JUDGE_CALLS, trace.finish.value)
    else:
        tally.count(TRACES, trace.finish.value, trace.stop.value if trace.stop else "none")
    tally.count(RETRIES, amount=max(0, trace.attempts - 1))
