"""What a run has cost in US dollars, from what its traces have."""

from collections.abc import Sequence

from tts_core.model import Trace, Usage
from workers.records import Carried


def total_cost(usage: Usage, traces: Sequence[Trace], unkept: Sequence[Carried] = ()) -> float | None:
    """The sum over all calls, whose whole `usage` is known; None when the price of one is not.

    Prompts that the upstream gave no account of are in the usage; they are spread evenly over the calls
    without one.
    """
    calls: list[Trace | Carried] = [*traces, *unkept]
    known = [call.cost for call in calls if call.cost is not None]
    if len(known) < len(calls):
        return None
    told = sum(call.usage.prompt_tokens for call in calls)
    blind = sum(call.blind for call in calls)
    each = (usage.prompt_tokens - told) / blind if blind else 0.0
    return sum(known) + each * sum(call.blind_usd for call in calls)
