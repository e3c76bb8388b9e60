"""short-m@k (Hassid et al. 2025, arXiv 2505.17813)."""

from typing import Annotated

from tts_core.confidence import MEASURES
from tts_core.filtering import keep_all
from tts_core.model import Plan, Request, Strategy, Trace, Until
from tts_core.registry import Bounds, strategy
from tts_core.voting import cast_vote


@strategy("short_m_at_k", paper="Hassid et al. 2025, arXiv 2505.17813")
def short_m_at_k(
    request: Request,
    *,
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    first: Annotated[int, Bounds(1), "m: how many finished traces vote; the rest are stopped"] = 3,
) -> Strategy:
    """Start k traces at once and let the first m that finish vote; ties go to the shortest."""
    round_ = yield Plan((request.sampling,) * budget, Until(finished=first))
    finished = sorted((t for t in round_.traces if t.usable), key=lambda trace: trace.elapsed_s)[:first]
    return cast_vote(finished, MEASURES["mean"], keep_all, weighted=False, earlier=shortest)


def shortest(trace: Trace) -> tuple[int, int]:
    """Of equally frequent answers the one with the shortest trace wins."""
    return trace.tokens, trace.index
