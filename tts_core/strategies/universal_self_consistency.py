"""Universal self-consistency (Chen et al. 2023, arXiv 2311.17311)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from tts_core.candidates import NO_TIME, candidates_of, plain_vote, said, taking_part, with_warning
from tts_core.judging import (
    JUDGE_TOKENS,
    NO_INSTRUCTIONS,
    JudgeTokens,
    chosen,
    judge_sampling,
    question_of,
    quoted,
    word_of,
)
from tts_core.model import Plan, Request, Strategy, Trace
from tts_core.registry import Bounds, strategy
from tts_core.voting import elect

MOST_SHOWN = 32
MOST_CHARACTERS = 48_000
LONGEST = 8000
UNREAD = "The judge failed or named no candidate: the answer is that of the plain vote."
TASK = (
    "Compare what the candidates say and select the most consistent one: the one that agrees with most of "
    "the others in what it concludes, whatever its words or length. Be brief, and end with its number in "
    "double brackets, like [[1]]."
)


@strategy("universal_self_consistency", paper="Chen et al. 2023, arXiv 2311.17311")
def universal_self_consistency(
    request: Request,
    *,
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    judge_max_tokens: JudgeTokens = JUDGE_TOKENS,
) -> Strategy:
    """Have a judge read all answers and pick the one that agrees most with the others."""
    round_ = yield Plan((replace(request.sampling, keep_text=True),) * budget)
    plain = plain_vote(round_.traces)
    if len(candidates_of(round_.traces)) < 2:
        return plain
    if round_.last:
        return with_warning(plain, NO_TIME)
    entrants = taking_part(round_.traces)
    shown = entrants[:MOST_SHOWN]
    verdicts = yield Plan((judge_sampling(request, prompt(request, shown), max_tokens=judge_max_tokens),))
    names = {str(number): trace for number, trace in enumerate(shown, start=1)}
    name = next((chosen(word_of(verdict), tuple(names)) for verdict in verdicts.traces), None)
    if name is None:
        return with_warning(plain, NO_TIME if verdicts.last else UNREAD)
    vote = elect(round_.traces, {trace.index: float(trace is names[name]) for trace in entrants})
    left_out = len(entrants) - len(shown)
    return (
        with_warning(vote, f"The judge saw {len(shown)} of {len(entrants)} traces.") if left_out else vote
    )


def prompt(request: Request, shown: Sequence[Trace]) -> str:
    """The question and all candidates, numbered from 1; the more there are, the less is shown of each."""
    most = min(LONGEST, MOST_CHARACTERS // len(shown))
    listed = [
        f"Candidate {number}:\n{quoted(said(trace), 'candidate', most_characters=most)}"
        for number, trace in enumerate(shown, start=1)
    ]
    return "\n\n".join(
        [
            f"Several candidates have answered one question. {NO_INSTRUCTIONS}",
            quoted(question_of(request), "question"),
            *listed,
            TASK,
        ]
    )
