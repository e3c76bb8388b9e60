"""The median of what the traces answer: for estimates, where hardly two traces give the same number."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Annotated

from tts_core.confidence import MEASURES
from tts_core.filtering import keep_all
from tts_core.model import Plan, Request, Strategy, Trace, Vote
from tts_core.registry import Bounds, OneOf, strategy
from tts_core.voting import cast_vote

NUMBER = "number:"


@strategy("median_number")
def median_number(
    request: Request,
    *,
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    middle: Annotated[str, OneOf(("lower", "upper")), "which of two middle numbers is taken"] = "lower",
) -> Strategy:
    """Take the median of the traces' numbers; without any number, the answer of most traces."""
    round_ = yield Plan((request.sampling,) * budget)
    numeric = [trace for trace in round_.traces if trace.usable and is_number(trace)]
    if not numeric:
        return cast_vote(round_.traces, MEASURES["mean"], keep_all, weighted=False)
    ascending = sorted(number(trace) for trace in numeric)
    last = len(ascending) - 1
    return nearest_first(numeric, ascending[(last + (middle == "upper")) // 2])


def is_number(trace: Trace) -> bool:
    """Whether the trace's answer is a number."""
    return trace.answer is not None and trace.answer.key.startswith(NUMBER)


def number(trace: Trace) -> Fraction:
    """The number of a trace that has one, exact."""
    return Fraction(trace.answer.key.removeprefix(NUMBER)) if trace.answer else Fraction(0)


def nearest_first(numeric: Sequence[Trace], median: Fraction) -> Vote:
    """The vote whose answers come in the order of their distance from the median."""
    vote = cast_vote(numeric, MEASURES["mean"], keep_all, weighted=False)
    distance = {trace.index: abs(number(trace) - median) for trace in numeric}
    order = sorted(range(len(vote.classes)), key=lambda i: min(distance[t] for t in vote.classes[i].traces))
    taken = vote.classes[order[0]]
    return replace(
        vote,
        winners=tuple(vote.winners[i] for i in order),
        classes=tuple(vote.classes[i] for i in order),
        weighted_answer=taken.answer,
        agreement=taken.votes / len(vote.voters),
        consensus=taken.share,
    )
