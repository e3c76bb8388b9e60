"""What calls cost: tokens times the prices of the upstreams file. What has no price costs None, never 0."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from tts_core.model import Usage

MILLION = 1e6
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens; `cached`: of prompt tokens that the upstream had kept (None: as
    `prompt`)."""

    prompt: float
    completion: float
    cached: float | None = None

    def of(self, usage: Usage) -> float:
        """US dollars of a call. Cached tokens are part of the prompt, reasoning of the completion."""
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        cached_price = self.prompt if self.cached is None else self.cached
        dollars = (usage.prompt_tokens - cached) * self.prompt + cached * cached_price
        return (dollars + usage.completion_tokens * self.completion) / MILLION


FREE = Price(0.0, 0.0)


def rank(pattern: str, model: str) -> float:
    """How closely a pattern names a model: infinite for its own name, more than 0 for a beginning
    ("vendor/*"), the longer the more; 0 when it names others."""
    if pattern == model:
        return inf
    begins = pattern.endswith("*") and model.startswith(pattern[:-1])
    return len(pattern) if begins else 0


def price_in(prices: Mapping[str, Price], model: str) -> Price | None:
    """The price of a model: under its own name, under the longest beginning, else the default."""
    closest = max(prices, key=lambda pattern: rank(pattern, model), default=DEFAULT)
    return prices[closest] if rank(closest, model) else prices.get(DEFAULT)
