"""What a run has cost, what it has saved, and what the client should know of both."""

from collections.abc import Sequence
from statistics import fmean, mode

from tts_core.model import Finish, Request, Trace, Usage
from tts_core.tracing import MISFIT
from workers.records import NOTHING, Carried


def total_usage(traces: Sequence[Trace], unkept: Sequence[Carried] = ()) -> Usage:
    """The sum over all calls: what the upstream reported, else what arrived.

    `unkept` is what traces had cost that never came to an end. A call without an account has its prompt
    counted as long as that of the others, traces and judge calls each for themselves.
    """
    judges = [trace for trace in traces if trace.judge]
    own = [trace for trace in traces if not trace.judge]
    accounts: list[Trace | Carried] = [*own, *unkept]
    spent = sum((account.usage for account in (*accounts, *judges)), NOTHING)
    prompts = prompt_tokens(own) * sum(account.blind for account in accounts)
    prompts += prompt_tokens(judges) * sum(call.blind for call in judges)
    return spent + Usage(prompt_tokens=prompts, total_tokens=prompts)


def prompt_tokens(traces: Sequence[Trace]) -> int:
    """The prompt's length as most calls report it; 0 when none does."""
    told = [t.usage.prompt_tokens for t in traces if t.attempts == 1 and t.usage.prompt_tokens]
    return mode(told) if told else 0


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
            "those of the others."
        ] = None
    return (*request.warnings, *notes)
