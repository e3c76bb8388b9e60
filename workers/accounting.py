"""What a run has cost, what it has saved, and what the client should know of both."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean, mode

from tts_core.model import Finish, Request, Trace, Usage
from tts_core.tracing import MISFIT
from workers.records import NOTHING, Carried, StoredPlan

Kind = tuple[object, ...]
OF_THE_QUESTION: Kind = (("judge", False),)


def total_usage(
    traces: Sequence[Trace], unkept: Sequence[Carried] = (), plans: Sequence[StoredPlan] = ()
) -> Usage:
    """The sum over all calls: what the upstream reported, else what arrived.

    `unkept` is what traces had cost that never came to an end, `plans` the rounds. A call without an
    account has its prompt counted as long as that of like calls.
    """
    accounts: list[Trace | Carried] = [*traces, *unkept]
    spent = sum((account.usage for account in accounts), NOTHING)
    rounds = {index: number for number, plan in enumerate(plans) for index in plan.indexes}
    told = prompts_by_kind(traces, rounds)
    prompts = sum(trace.blind * prompt_tokens(told, kinds_of(trace, rounds)) for trace in traces)
    prompts += prompt_tokens(told, (OF_THE_QUESTION,)) * sum(cost.blind for cost in unkept)
    return spent + Usage(prompt_tokens=prompts, total_tokens=prompts)


def kinds_of(trace: Trace, rounds: Mapping[int, int]) -> tuple[Kind, ...]:
    """What a call is like, the nearest first: those of its round and model, of its model, all of its sort
    (traces of the question, or judges)."""
    judge = ("judge", trace.judge)
    return (judge, trace.model, rounds.get(trace.index)), (judge, trace.model), (judge,)


def prompts_by_kind(traces: Sequence[Trace], rounds: Mapping[int, int]) -> Mapping[Kind, list[int]]:
    """The lengths of the prompts that were reported, of every kind."""
    told: defaultdict[Kind, list[int]] = defaultdict(list)
    for trace in traces:
        if trace.attempts == 1 and trace.usage.prompt_tokens:
            for kind in kinds_of(trace, rounds):
                told[kind].append(trace.usage.prompt_tokens)
    return told


def prompt_tokens(told: Mapping[Kind, list[int]], kinds: Sequence[Kind]) -> int:
    """The prompt's length as most calls of the nearest kind report it; 0 when none does."""
    return next((mode(told[kind]) for kind in kinds if kind in told), 0)


def saved_tokens(request: Request, traces: Sequence[Trace]) -> int:
    """An estimate: the whole budget at the mean length of the finished traces, less what was received.

    Failed traces neither cost nor save.
    """
    traces = [trace for trace in traces if not trace.judge]
    sampled = [trace for trace in traces if trace.finish is not Finish.FAILED]
    lengths = [trace.tokens for trace in sampled if trace.usable]
    planned = request.options.get("budget", len(traces)) - (len(traces) - len(sampled))
    if not lengths or len(lengths) >= planned:
        return 0
    return max(0, round(planned * fmean(lengths)) - sum(trace.tokens for trace in sampled))


def warnings_of(request: Request, traces: Sequence[Trace]) -> tuple[str, ...]:
    """What the client should know of the traces, each once."""
    notes = dict.fromkeys(note for trace in traces for note in trace.notes if note != MISFIT)
    if misfits := sum(MISFIT in trace.notes for trace in traces):
        notes[f"The JSON of {misfits} traces does not satisfy the schema: they have no answer."] = None
    unreported = [trace.unreported for trace in traces if trace.unreported]
    if unreported:
        notes[
            f"The upstream gave no account of {sum(trace.blind for trace in traces)} calls: their "
            f"{sum(unreported)} completion tokens were counted as they arrived, their prompts as long as "
            "those of like calls, where there are any."
        ] = None
    return (*request.warnings, *notes)
