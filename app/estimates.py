"""The plan of a request as a client reads it; nothing is asked of the upstream or of Redis."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from app.questions import Question, models_of
from app.schemas.options import PREFIX
from tts_core.estimating import Forecast, forecast
from tts_core.model import Request, Usage
from tts_core.registry import Registered
from tts_core.strategies import strategies
from workers.pricing import Price
from workers.settings import Settings

NO_TOKENIZER = "Only the upstream's tokenizer can count them."
NO_PRICES = "The price of a model that may be asked is not known."
NO_PROMPT = "The prompt is not in it, for its tokens are not known; nor are repeated attempts."
NO_LIMIT = "A call has no max_tokens, or the number of calls is not known."
NO_LOGPROBS = "The strategy needs logprobs, and tts_top_logprobs 0 asks for none."


def estimate_of(question: Question, settings: Settings) -> dict[str, Any]:
    """What the question will ask for. Raises StrategyFault for a strategy without a first plan."""
    request = question.request
    strategy = strategies()[request.strategy]
    found = forecast(request)
    deadline_s = min(request.limits.deadline_s or settings.request_timeout_s, settings.request_timeout_s)
    return {
        "object": "estimate",
        "model": question.model,
        "strategy": strategy.name,
        "mode": request.options.get("mode"),
        "options": options_of(request, strategy),
        "first_round": {
            "calls": len(found.first.samplings) if found.first else 0,
            "started_ahead": len(found.first.ahead) if found.first else 0,
        },
        "rounds": asdict(found.rounds),
        "calls": asdict(found.calls),
        "judge_calls": asdict(found.judge_calls),
        "attempts_per_call": {"at_most": 1 + settings.upstream_retries},
        "completion_tokens": {"at_most": found.completion_tokens},
        "prompt_tokens": None,
        "price": (price := price_of(request, found, settings)),
        "unknown": unknowns(found, price),
        "ends_early": endings_of(request, found, deadline_s),
        "deadline_s": deadline_s,
        "needs": sorted({*strategy.needs, *(("logprobs",) if request.require_logprobs else ())}),
        "warnings": [*request.warnings, *found.warnings, *without_logprobs(request, strategy)],
    }


def options_of(request: Request, strategy: Registered) -> dict[str, Any]:
    """All that is in force, under the names by which it is sent; what follows from the budget is filled
    in."""
    sampling, limits = request.sampling, request.limits
    budget = request.options.get("budget", 1)
    own = {
        name: min(budget, request.options[name] or option.from_budget.of(budget))
        if option.from_budget
        else request.options[name]
        for name, option in strategy.options.items()
    }
    shared = {
        "window_size": sampling.window_tokens or "auto",
        "top_logprobs": sampling.top_logprobs,
        "answer_format": sampling.answer_format,
        "require_logprobs": request.require_logprobs,
        "min_traces": limits.min_traces,
        "deadline_s": limits.deadline_s,
        "max_total_tokens": limits.max_total_tokens,
    }
    return {PREFIX + name: value for name, value in {**own, **shared}.items()}


def price_of(request: Request, found: Forecast, settings: Settings) -> dict[str, Any] | None:
    """US dollars for the completion tokens at the dearest of all prices that may be paid; None where one
    is not known, or the tokens have no bound."""
    upstreams = settings.upstreams
    routes = [(upstreams.route(model), model) for model in models_of(request)]
    prices = [
        upstream.price(model)
        for first, model in routes
        for upstream in (first, *upstreams.instead_of(first, model))
    ]
    known = [price for price in prices if price]
    if len(known) < len(prices) or found.completion_tokens is None:
        return None
    dearest = Price(max(p.prompt for p in known), max(p.completion for p in known))
    completion = dearest.of(Usage(completion_tokens=found.completion_tokens))
    return {"currency": "USD", "at_most": completion, "prompt_per_million": dearest.prompt}


def unknowns(found: Forecast, price: Mapping[str, Any] | None) -> dict[str, str]:
    """Why what is null is null, and what the price leaves out."""
    missing = NO_LIMIT if found.completion_tokens is None else NO_PRICES
    reasons = {"prompt_tokens": NO_TOKENIZER, "price": NO_PROMPT if price else missing}
    return reasons if found.completion_tokens is not None else {**reasons, "completion_tokens": NO_LIMIT}


def endings_of(request: Request, found: Forecast, deadline_s: float) -> list[dict[str, Any]]:
    """What may end the run, a round or a trace before all that is planned; `round` null is the run."""
    cap = request.limits.max_total_tokens
    endings = [asdict(rule) for rule in found.rules]
    if found.rounds.at_least != found.rounds.at_most:
        endings.append({"by": "strategy", "round": None, "at": None})
    endings.append({"by": "deadline", "round": None, "at": deadline_s})
    return [*endings, {"by": "token_cap", "round": None, "at": cap}] if cap else endings


def without_logprobs(request: Request, strategy: Registered) -> list[str]:
    """A word on a strategy that will not get what it lives on."""
    return [NO_LOGPROBS] if "logprobs" in strategy.needs and not request.sampling.top_logprobs else []
