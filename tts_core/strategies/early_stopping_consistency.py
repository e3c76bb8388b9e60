"""ESC: early-stopping self-consistency (Li et al. 2024, arXiv 2401.10480)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from tts_core.answers import classes
from tts_core.confidence import MEASURES
from tts_core.filtering import keep_all
from tts_core.model import Plan, Request, Strategy, Trace
from tts_core.registry import Bounds, strategy
from tts_core.voting import cast_vote


@strategy("early_stopping_consistency", paper="Li et al. 2024, arXiv 2401.10480")
def early_stopping_consistency(
    request: Request,
    *,
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    window_traces: Annotated[
        int, Bounds(2), "traces sampled at a time; when all of them agree, sampling ends"
    ] = 5,
) -> Strategy:
    """Sample window by window until all traces of one agree, then take the majority of all."""
    traces: tuple[Trace, ...] = ()
    decided = last = False
    left = budget
    while left and not decided and not last:
        size = min(window_traces, left)
        round_ = yield Plan((request.sampling,) * size)
        left -= size
        traces += round_.traces
        last = round_.last
        decided = left > 0 and agree(round_.traces, size)
    vote = cast_vote(traces, MEASURES["mean"], keep_all, weighted=False)
    return replace(vote, decided=decided)


def agree(traces: Sequence[Trace], size: int) -> bool:
    """Whether all `size` traces of a window came to one answer; one without an answer breaks it."""
    answers = [trace.answer if trace.usable else None for trace in traces]
    return len(traces) == size and set(classes(answers)) == {0}
