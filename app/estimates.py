"""The plan of a request as a client reads it; nothing is asked of the upstream or of Redis."""

from dataclasses import asdict
from typing import Any

from app.questions import Question
from app.schemas.options import PREFIX
from tts_core.estimating import Forecast, forecast
from tts_core.model import Request
from tts_core.registry import Registered
from tts_core.strategies import strategies
from workers.settings import Settings

NO_TOKENIZER = "Only the upstream's tokenizer can count them."
NO_PRICES = "There is no price table."
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
        "price": None,
        "unknown": unknowns(found),
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


def unknowns(found: Forecast) -> dict[str, str]:
    """Why what is null is null."""
    reasons = {"prompt_tokens": NO_TOKENIZER, "price": NO_PRICES}
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
