"""A cascade of models: the cheap one first, the next when it does not agree with itself
(Yue et al. 2023, arXiv 2310.03094)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from tts_core.mixing import ModelNames, asking, majority, models_for
from tts_core.model import Plan, Request, Strategy, Trace, Vote
from tts_core.registry import Bounds, FromBudget, strategy

FEWEST_TRACES = 2
LATE = "No trace of {!r} has an answer: those of {!r} voted."
LEFT_OUT = "A budget of {} traces has no level for: {}."

Level = tuple[str, int]


def default_level(budget: int) -> int:
    """A third of the budget, 2 at least: one trace always agrees with itself."""
    return min(budget, max(FEWEST_TRACES, (budget + 1) // 3))


@strategy("cascade", paper="Yue et al. 2023, arXiv 2310.03094")
def cascade(
    request: Request,
    *,
    models: ModelNames = (),
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    agreement: Annotated[
        float,
        Bounds(0.5, 1),
        "share of a level's traces with one answer at which no further model is asked",
    ] = 0.8,
    level_traces: Annotated[
        int | None,
        Bounds(FEWEST_TRACES),
        FromBudget(default_level),
        "traces of each level but the last; by default a third of the budget",
    ] = None,
) -> Strategy:
    """Ask the cheapest model first, and the next one only when its traces do not agree."""
    names = models_for(request, models)
    levels = levels_of(names, budget, level_traces or default_level(budget))
    samplings = asking(request.sampling, names)
    traces: tuple[Trace, ...] = ()
    for number, (model, size) in enumerate(levels):
        round_ = yield Plan((samplings[model],) * size)
        traces += round_.traces
        planned = sum(count for name, count in levels[: number + 1] if name == model)
        decided = number + 1 < len(levels) and agrees(by_model(traces, model), planned, agreement)
        if decided or round_.last:
            break
    asked = [name for name, _ in levels[: number + 1]]
    vote = settled(traces, asked)
    return replace(vote, decided=decided, warnings=(*vote.warnings, *left_out(names, levels, budget)))


def levels_of(names: Sequence[str], budget: int, size: int) -> tuple[Level, ...]:
    """Who is asked, cheapest first, for how many traces; together they are the budget. A model alone is
    asked twice. The last one always has a level, those before it 2 traces at least or none."""
    *before, last = names if len(names) > 1 else (*names, *names)
    cheap = before[: (budget - 1) // FEWEST_TRACES]
    each = max(FEWEST_TRACES, min(size, (budget - 1) // (len(cheap) + 1)))
    return (*((name, each) for name in cheap), (last, budget - each * len(cheap)))


def by_model(traces: Sequence[Trace], model: str) -> list[Trace]:
    """The traces that a model wrote, in all its levels."""
    return [trace for trace in traces if trace.model == model]


def agrees(traces: Sequence[Trace], planned: int, agreement: float) -> bool:
    """Whether one answer has its share of all traces that were asked for; failures break it."""
    votes = max((found.votes for found in majority(traces).classes), default=0)
    return votes >= FEWEST_TRACES and votes / planned >= agreement


def settled(traces: Sequence[Trace], asked: Sequence[str]) -> Vote:
    """The majority of the model that was asked last. One that was asked before stands in only when it has
    no answer, or no usable trace at all."""
    latest = list(dict.fromkeys(reversed(asked)))
    ways = [majority(by_model(traces, model)) for model in latest]
    answered = [place for place, vote in enumerate(ways) if vote.classes]
    place = next(iter(answered or [place for place, vote in enumerate(ways) if vote.winners]), 0)
    warnings = (LATE.format(latest[0], latest[place]),) if place else ()
    return replace(ways[place], warnings=(*ways[place].warnings, *warnings))


def left_out(names: Sequence[str], levels: Sequence[Level], budget: int) -> tuple[str, ...]:
    """A word on models that the budget is too small for."""
    missing = [name for name in dict.fromkeys(names) if name not in dict(levels)]
    return (LEFT_OUT.format(budget, ", ".join(missing)),) if missing else ()
