"""What the caller's key allows, checked before anything is asked of an upstream."""

from collections.abc import Iterator, Mapping
from typing import Any

from flask import current_app

from app.asking import allowance
from app.questions import models_of
from app.schemas.options import PREFIX
from tts_core.errors import PermissionDenied
from tts_core.model import Request
from tts_core.registry import Models
from tts_core.strategies import strategies
from workers.settings import Settings

JUDGE = "tts_judge_model"


def check_permitted(request: Request) -> None:
    """Refuse a request that the caller's key does not allow. Raises PermissionDenied."""
    check_strategy_permitted(request.strategy)
    check_sampling_permitted(request)


def check_sampling_permitted(request: Request) -> None:
    """Refuse models and numbers of traces that the caller's key does not allow, whatever votes on them.
    Raises PermissionDenied."""
    allowed = allowance()
    for model, parameter in models_of(request).items():
        if not allowed.has_model(model):
            raise PermissionDenied(f"This key may not use the model {model[:200]!r}.", param=parameter)
        if allowed.daily_usd is not None and not has_price(model):
            raise PermissionDenied(
                f"This key's dollars are counted, and the price of {model[:200]!r} is not known.",
                param=parameter,
            )
    budget = request.options.get("budget", 1)
    if allowed.max_budget is not None and budget > allowed.max_budget:
        raise PermissionDenied(
            f"This key may ask for at most {allowed.max_budget} traces, not {budget}.", param="tts_budget"
        )


def has_price(model: str) -> bool:
    """Whether the price of a model is known at every upstream that may be asked for it."""
    settings: Settings = current_app.config["SETTINGS"]
    first = settings.upstreams.route(model)
    asked = (first, *settings.upstreams.instead_of(first, model))
    return all(upstream.price(model) for upstream in asked)


def check_strategy_permitted(name: str) -> None:
    """Refuse a strategy that the caller's key does not allow. Raises PermissionDenied."""
    if not allowance().has_strategy(name):
        raise PermissionDenied(f"This key may not use the strategy {name!r}.", param="tts_strategy")


def may_use(fields: Mapping[str, Any], model: str) -> bool:
    """Whether the caller's key allows what a preset or a suffix stands for when `model` is asked."""
    allowed = allowance()
    most, strategy = allowed.max_budget, fields.get("tts_strategy")
    return (
        all(map(allowed.has_model, (model, *named_in(fields))))
        and (strategy is None or allowed.has_strategy(strategy))
        and (most is None or fields.get("tts_budget", 1) <= most)
    )


def named_in(fields: Mapping[str, Any]) -> Iterator[str]:
    """The models that fields ask beside the one of the request."""
    if judge := fields.get(JUDGE):
        yield judge
    for found in strategies().values():
        for name, option in found.options.items():
            if isinstance(option.rule, Models) and (named := fields.get(PREFIX + name)):
                yield from named if option.several else (named,)
