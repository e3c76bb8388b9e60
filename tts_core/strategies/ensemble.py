"""Several models in one weighted vote (cf. Ai et al. 2025, arXiv 2510.01499)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

from tts_core.candidates import with_warning
from tts_core.confidence import MEASURES, Measure
from tts_core.errors import InvalidRequest
from tts_core.mixing import ModelNames, asking, majority, models_for
from tts_core.model import Plan, Request, Strategy, Trace
from tts_core.registry import Bounds, OneOf, strategy
from tts_core.voting import hold_ballots, tally, weights_of

LEFT_OUT = "A budget of {} traces has none for: {}."
UNUSABLE = "No trace of {!r} could vote."


@strategy("ensemble", paper="Ai et al. 2025, arXiv 2510.01499")
def ensemble(
    request: Request,
    *,
    models: ModelNames = (),
    weights: Annotated[
        tuple[float, ...], Bounds(0, 1000), "what each of the models weighs; by default all the same"
    ] = (),
    budget: Annotated[int, Bounds(1), "traces in all"] = 8,
    weigh_confidence: Annotated[
        bool, "a trace also weighs its confidence, as a share of the mean of its own model"
    ] = False,
    confidence: Annotated[str, OneOf(tuple(MEASURES)), "confidence of a trace"] = "lowest_group",
) -> Strategy:
    """Let several models vote together, each with its own weight."""
    names = models_for(request, models)
    each = dict(zip(names, checked(names, weights), strict=True))
    samplings = asking(request.sampling, names)
    asked = [names[place % len(names)] for place in range(budget)]
    round_ = yield Plan(tuple(samplings[name] for name in asked))
    voters = [trace for trace in round_.traces if votes(trace, names)]
    warnings = warnings_of(names, asked, round_.traces)
    if not voters:
        return with_warning(majority(round_.traces), *warnings)
    planned = Counter(asked)
    shares = {name: each[name] / planned[name] for name in planned}
    weight = weights_by_index(voters, shares, MEASURES[confidence] if weigh_confidence else None)
    heaviness = [weight[trace.index] for trace in voters]
    # The heaviest trace represents its answer: confidences of different models do not tell which.
    vote = tally(hold_ballots(voters, heaviness, heaviness), warnings)
    return replace(vote, confidence=majority(voters).confidence)


def votes(trace: Trace, names: Sequence[str]) -> bool:
    """Whether a trace of one of the models may vote."""
    return trace.usable and trace.answer is not None and trace.model in names


def checked(names: Sequence[str], weights: Sequence[float]) -> tuple[float, ...]:
    """The models' weights, 1 each when none are given. Raises InvalidRequest when they do not fit."""
    if len(set(names)) < len(names):
        raise InvalidRequest("Invalid value for 'tts_models': Each model once.", param="tts_models")
    found = tuple(weights or (1.0,) * len(names))
    if len(found) != len(names) or not any(found):
        raise InvalidRequest(
            "Invalid value for 'tts_weights': One for each of 'tts_models', not all of them 0.",
            param="tts_weights",
        )
    return found


def weights_by_index(
    voters: Sequence[Trace], shares: Mapping[str, float], confidence: Measure | None
) -> dict[int, float]:
    """What each voter weighs: its model's weight over the traces asked of the model, so that a model whose
    traces fail weighs less; times its confidence over its model's mean when there is a measure."""
    found: dict[int, float] = {}
    for model, share in shares.items():
        own = [trace for trace in voters if trace.model == model]
        factors = [1.0] * len(own)
        if confidence:
            factors = weights_of([confidence(trace) for trace in own], relative)
        found |= {trace.index: share * factor for trace, factor in zip(own, factors, strict=True)}
    return found


def relative(confidences: Sequence[float]) -> list[float]:
    """c_i over the mean of all c; (n,) nats -> (n,) with a mean of 1. All 1 when the mean is 0."""
    mean = sum(confidences) / len(confidences)
    return [value / mean for value in confidences] if mean > 0 else [1.0] * len(confidences)


def warnings_of(names: Sequence[str], asked: Sequence[str], traces: Sequence[Trace]) -> tuple[str, ...]:
    """A word on models that were not asked, and on those that gave nothing to vote with."""
    missing = [name for name in names if name not in asked]
    voting = {trace.model for trace in traces if votes(trace, names)}
    found = [LEFT_OUT.format(len(asked), ", ".join(missing))] if missing else []
    return (*found, *(UNUSABLE.format(name) for name in names if name in asked and name not in voting))
