"""Best of N: by confidence, by self-certainty (Kang et al. 2025, arXiv 2502.18581), by a judge, or by a
scorer of the operator (Cobbe et al. 2021, arXiv 2110.14168)."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

from tts_core.candidates import plain_vote, scored, with_warning
from tts_core.confidence import MEASURES
from tts_core.errors import InvalidRequest
from tts_core.filtering import keep_all
from tts_core.judging import JUDGE_TOKENS, JudgeTokens
from tts_core.model import Plan, Request, Strategy, Trace, Vote
from tts_core.registry import Bounds, Checked, strategy
from tts_core.scorers import HTTP, JUDGE
from tts_core.strategies.best_of_n_judged import Jury, best_of_judged
from tts_core.voting import cast_vote, missing_confidence

SELF_CERTAINTY = "self_certainty"
WORDS = (*MEASURES, SELF_CERTAINTY, JUDGE)
SYNTAX = f"{', '.join(WORDS)}, http:NAME (NAME is one of the operator's SCORERS)"


def check_scorer(word: str) -> None:
    """Raises InvalidRequest for a word that names no way to score."""
    if word not in WORDS and not (word.startswith(HTTP) and len(word) > len(HTTP)):
        raise InvalidRequest(f"Must be one of: {SYNTAX}.", param="tts_scorer")


@strategy("best_of_n", paper="Kang et al. 2025, arXiv 2502.18581")
def best_of_n(
    request: Request,
    *,
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    scorer: Annotated[str, Checked(check_scorer, SYNTAX), "what scores a trace"] = JUDGE,
    borda_power: Annotated[
        float,
        Bounds(0, 50),
        "self_certainty: rank r of N has (N - r + 1)^p votes; 0 is a majority",
    ] = 0.5,
    judgements: Annotated[int, Bounds(1, 16), "judge: grades for each candidate; their mean counts"] = 1,
    judge_calls: Annotated[int, Bounds(2), "judge calls at most, besides the traces"] = 16,
    judge_max_tokens: JudgeTokens = JUDGE_TOKENS,
) -> Strategy:
    """Score the traces and take the best."""
    if scorer == JUDGE or scorer.startswith(HTTP):
        jury = Jury(scorer, judgements if scorer == JUDGE else 1, judge_calls, judge_max_tokens)
        return (yield from best_of_judged(request, budget, jury))
    round_ = yield Plan((request.sampling,) * budget)
    if scorer == SELF_CERTAINTY:
        weigh = partial(borda, power=borda_power)
        return cast_vote(round_.traces, MEASURES["mean"], keep_all, weighted=True, weigh=weigh)
    return most_confident(round_.traces, scorer)


def borda(confidences: Sequence[float], power: float) -> list[float]:
    """The votes of each rank, (N - r + 1)^p with r from 1 (Kang et al., section 4); equal confidences have
    the same rank. (n,) nats -> (n,) votes above 0."""
    count = len(confidences)
    ranks = {value: 1 + sum(other > value for other in confidences) for value in set(confidences)}
    return [float(count - ranks[value] + 1) ** power for value in confidences]


def most_confident(traces: Sequence[Trace], measure: str) -> Vote:
    """The trace with the highest confidence; the majority when no confidence is known."""
    plain = plain_vote(traces)
    usable = [trace for trace in traces if trace.usable]
    known = [MEASURES[measure](trace) for trace in usable]
    scores = {t.index: value for t, value in zip(usable, known, strict=True) if value is not None}
    if not usable or len(scores) == len(usable):
        return scored(traces, scores) if scores else plain
    told = missing_confidence(known)
    return scored(traces, scores, (told,)) if scores else with_warning(plain, told)
