"""What the step that ends a run is told, so that the run's owner is charged in it and exactly once."""

import time

from tts_core.model import Trace
from workers import keys
from workers.access import day_of
from workers.queues import SAMPLE
from workers.records import Ending

ADMITTED = tuple(keys.admitted(SAMPLE, part) for part in keys.ADMITTED)


def bill_of(ending: Ending) -> tuple[float | str | int, ...]:
    """When, on which day, how many tokens and US dollars; and where that is written down."""
    now_s = time.time()
    return now_s, day_of(now_s), ending.usage.total_tokens, ending.cost or 0.0, keys.SPENT, keys.PACE


def late_bill(run_id: str, trace: Trace) -> tuple[str | int | float, ...]:
    """What is charged for a trace that is kept when its run has ended: its tokens are in no ending."""
    ending, owner = keys.run(run_id, "ending"), keys.owner(run_id)
    cost = (trace.usage.total_tokens, trace.cost or 0.0)
    return ending, owner, keys.SPENT, day_of(time.time()), *cost
