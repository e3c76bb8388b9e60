"""One trace, no vote: the base line."""

from tts_core.confidence import MEASURES
from tts_core.filtering import keep_all
from tts_core.model import Plan, Request, Strategy
from tts_core.registry import strategy
from tts_core.voting import cast_vote


@strategy("single")
def single(request: Request) -> Strategy:
    """Pass the request through to the upstream as one trace."""
    round_ = yield Plan((request.sampling,))
    return cast_vote(round_.traces, MEASURES["mean"], keep_all, weighted=False)
