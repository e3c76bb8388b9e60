"""A request with a larger budget, and what may be used again of a run that had a smaller one."""

from dataclasses import replace

from tts_core.errors import InvalidRequest
from tts_core.model import Request, Sampling
from tts_core.strategies import strategies

BUDGET = "budget"


def extended(request: Request, traces: int) -> Request:
    """The request with so many traces more. Options that follow from the budget stay what they were, so
    that the rounds which have been sampled are the rounds which are asked for again.

    Raises InvalidRequest for a strategy without a budget, or one that is no longer installed.
    """
    registered = strategies().get(request.strategy)
    if registered is None or BUDGET not in registered.options:
        raise InvalidRequest(
            f"The strategy {request.strategy!r} has no budget that could be extended.",
            code="strategy_not_extendable",
        )
    budget = request.options[BUDGET]
    pinned = {
        name: min(budget, request.options.get(name) or option.from_budget.of(budget))
        for name, option in registered.options.items()
        if option.from_budget
    }
    return replace(request, options={**request.options, **pinned, BUDGET: budget + traces})


def asks_the_same(one: Sampling, other: Sampling) -> bool:
    """Whether two samplings ask a model the same, whatever judges the answers."""
    asked = [
        (s.model, s.messages, s.parameters, s.answer_format, s.prefill, s.scorer) for s in (one, other)
    ]
    return asked[0] == asked[1]
