"""Traces of several models in one vote: what may be compared across models, and what may not.

A confidence is measured on one model's own distribution over its own tokens: 12 nats of one model say
nothing about 10 nats of another. So where models are mixed, no trace outweighs another by its confidence.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

from tts_core.confidence import MEASURES, Measure
from tts_core.filtering import keep_all
from tts_core.model import Request, Sampling, Trace, Vote
from tts_core.registry import Models
from tts_core.voting import cast_vote

ModelNames = Annotated[
    tuple[str, ...],
    Models(),
    "the models that are asked (a cascade: the cheapest first); by default the request's own",
]
NO_ANSWER = (
    "No trace has an answer that can be voted on; the first one was taken, for confidences of different "
    "models cannot be compared."
)


def models_for(request: Request, models: Sequence[str]) -> tuple[str, ...]:
    """The models that an option names; the request's own when it names none."""
    return tuple(models or (request.sampling.model,))


def asking(sampling: Sampling, models: Sequence[str]) -> dict[str, Sampling]:
    """The sampling for each of the models, once."""
    return {model: replace(sampling, model=model) for model in models}


def are_mixed(traces: Sequence[Trace]) -> bool:
    """Whether traces of the question come from more than one model."""
    return len({trace.model for trace in traces if not trace.judge}) > 1


def unknown(_: Trace) -> None:
    """The confidence of a trace among those of other models."""
    return


def measure_for(traces: Sequence[Trace]) -> Measure:
    """The mean confidence (nats) when one model wrote the traces; else none is known."""
    return unknown if are_mixed(traces) else MEASURES["mean"]


def majority(traces: Sequence[Trace]) -> Vote:
    """One trace, one vote. The most confident trace of an answer represents it, the first sampled where
    models are mixed."""
    vote = cast_vote(traces, measure_for(traces), keep_all, weighted=False)
    if vote.classes or not vote.winners or not are_mixed(traces):
        return vote
    return replace(vote, warnings=(NO_ANSWER,))


def weighted_majority(traces: Sequence[Trace]) -> Vote:
    """The vote by mean confidence when one model wrote the traces; else the majority."""
    if are_mixed(traces):
        return majority(traces)
    return cast_vote(traces, MEASURES["mean"], keep_all, weighted=True)
