"""Scorers that the operator runs: not a model is asked for a score, but an HTTP service of his."""

from dataclasses import replace
from math import isfinite

from tts_core.judging import judge_sampling
from tts_core.model import Request, Sampling, Trace

JUDGE, HTTP = "judge", "http:"


def scorer_sampling(request: Request, name: str, answer: str) -> Sampling:
    """A call that has scorer `name` score `answer`, which stands behind the conversation as the
    assistant's message."""
    said = {"role": "assistant", "content": answer}
    return replace(
        judge_sampling(request, ""),
        model=request.sampling.model,
        messages=(*request.sampling.messages, said),
        parameters={},
        seed=None,
        scorer=name,
    )


def score_in(verdict: Trace) -> float | None:
    """The score that a scorer's call brought; None when there is none."""
    try:
        score = float(verdict.text)
    except ValueError:
        return None
    return score if verdict.usable and isfinite(score) else None
