"""The numbers that all workers add up in Redis, so that one scrape of any web process shows them all."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from workers import keys
from workers.json_fields import encode

Key = tuple[str, ...]
SUM = "sum"
INFINITE = "+Inf"
RUN_BOUNDS_S = (0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600, 1800, 3600)
TOKEN_BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 120)
TENTHS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)


class Family(NamedTuple):
    """A number with its labels, whose values the operator's configuration bounds and no client gives; with
    `bounds` a histogram, else a counter."""

    name: str
    doc: str
    labels: Key = ()
    bounds: tuple[float, ...] = ()


RUNS = Family(
    "chorus_runs_total",
    "Runs that have ended; stopped_by is what ended their sampling.",
    ("strategy", "stopped_by", "outcome"),
)
RUN_S = Family(
    "chorus_run_duration_seconds", "From a run's submission to its end.", ("strategy",), RUN_BOUNDS_S
)
AGREEMENT = Family(
    "chorus_agreement", "Share of a run's voting traces that gave the answer.", ("strategy",), TENTHS
)
TRACES = Family("chorus_traces_total", "Traces of ended runs, by how they ended.", ("finish", "stop"))
JUDGE_CALLS = Family("chorus_judge_calls_total", "Judge calls of ended runs.", ("finish",))
RETRIES = Family("chorus_retries_total", "Further attempts of traces, in ended runs.")
PROMPT = Family("chorus_prompt_tokens_total", "Prompt tokens of ended runs.", ("strategy",))
COMPLETION = Family("chorus_completion_tokens_total", "Completion tokens of ended runs.", ("strategy",))
SAVED = Family("chorus_saved_tokens_total", "Tokens saved by stopping early (estimate).", ("strategy",))
COST = Family("chorus_cost_usd_total", "US dollars of ended runs, where prices are known.", ("strategy",))
UNPRICED = Family("chorus_unpriced_runs_total", "Ended runs with a call of unknown price.", ("strategy",))
CALLS = Family("chorus_upstream_calls_total", "Calls to the upstream, retries included.", ("upstream",))
ERRORS = Family("chorus_upstream_errors_total", "Calls that failed.", ("upstream", "kind"))
FIRST_TOKEN_S = Family(
    "chorus_upstream_first_token_seconds", "From a call to its first token.", ("upstream",), TOKEN_BOUNDS_S
)
FAMILIES = (
    *(RUNS, RUN_S, AGREEMENT, TRACES, JUDGE_CALLS, RETRIES, PROMPT, COMPLETION, SAVED, COST, UNPRICED),
    *(CALLS, ERRORS, FIRST_TOKEN_S),
)


class Tally(defaultdict[Key, float]):
    """Numbers to be added to those in Redis. A key is a family's name, the values of its labels and, of a
    histogram, a bucket's upper bound or SUM; buckets are not cumulative."""

    def __init__(self) -> None:
        super().__init__(float)

    def count(self, family: Family, *labels: str, amount: float = 1) -> None:
        """Add to a counter."""
        self[family.name, *labels] += amount

    def observe(self, family: Family, value: float, *labels: str) -> None:
        """Add a value to a histogram."""
        bound = next((f"{bound:g}" for bound in family.bounds if value <= bound), INFINITE)
        self[family.name, *labels, bound] += 1
        self[family.name, *labels, SUM] += value

    def pairs(self) -> Iterator[tuple[bytes, float]]:
        """Fields of the hash in Redis, and what is to be added to them."""
        return ((encode(key), amount) for key, amount in self.items() if amount)


def add(store: Any, tally: Tally) -> None:
    """Add numbers to those in Redis."""
    with store.pipeline(transaction=True) as pipe:
        for field, amount in tally.pairs():
            pipe.hincrbyfloat(keys.METRICS, field, amount)
        pipe.execute()


def read(fields: Mapping[bytes, bytes]) -> dict[Key, float]:
    """The numbers in the hash in Redis."""
    return {tuple(msgspec.json.decode(field)): float(value) for field, value in fields.items()}
