"""What a run has cost in US dollars, from what its traces have."""

from collections.abc import Sequence

from tts_core.model import Trace
from workers.accounting import prompt_tokens
from workers.records import Carried


def total_cost(traces: Sequence[Trace], unkept: Sequence[Carried] = ()) -> float | None:
    """The sum over all calls; None when the price of one is not known.

    As in the usage, a call without an account has its prompt counted as long as that of the others.
    """
    judges = [trace for trace in traces if trace.judge]
    own: list[Trace | Carried] = [*(trace for trace in traces if not trace.judge), *unkept]
    sums = (cost_of(own, prompt_tokens([t for t in traces if not t.judge])),
            cost_of(judges, prompt_tokens(judges)))  # fmt: skip
    return None if None in sums else sum(filter(None, sums))


def cost_of(calls: Sequence[Trace | Carried], prompt: int) -> float | None:
    """The cost of calls whose prompts are `prompt` tokens long where they were not told."""
    known = [call.cost for call in calls if call.cost is not None]
    if len(known) < len(calls):
        return None
    return sum(known) + prompt * sum(call.blind_usd for call in calls)
