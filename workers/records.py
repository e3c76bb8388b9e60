"""What is written down of a run, and read back by web and workers: JSON of frozen dataclasses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tts_core.model import Fault, Plan, Request, Sampling, Trace, Usage, Vote

NOTHING = Usage()


class Why(StrEnum):
    """Why a round, and with it a run, came to its end."""

    COMPLETE = "complete"
    CONSENSUS = "consensus"
    DEADLINE = "deadline"
    TOKEN_CAP = "token_cap"  # noqa: S105
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A run as it was handed in. Times are seconds since the epoch; `inbox` is who waits for it."""

    request: Request
    created_s: float
    deadline_s: float
    request_id: str = ""
    inbox: str = ""


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan as it is kept: equal samplings once. `first` is the run-wide index of its first trace."""

    samplings: tuple[Sampling, ...]
    which: tuple[int, ...]
    first: int

    @classmethod
    def of(cls, plan: Plan, first: int) -> "StoredPlan":
        """Pack a plan; a strategy that repeats one sampling object stores it once."""
        unique = {id(sampling): sampling for sampling in plan.samplings}
        place = {key: position for position, key in enumerate(unique)}
        which = tuple(place[id(sampling)] for sampling in plan.samplings)
        return cls(tuple(unique.values()), which, first)

    @property
    def indexes(self) -> range:
        """The run-wide indexes of its traces."""
        return range(self.first, self.first + len(self.which))

    def sampling(self, index: int) -> Sampling:
        """What trace `index` is sampled with."""
        return self.samplings[self.which[index - self.first]]


@dataclass(frozen=True, slots=True)
class Closing:
    """How a round was closed, decided once: the reason and the traces that count."""

    why: Why
    traces: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """All that is known of a run but its texts."""

    submission: Submission
    plans: tuple[StoredPlan, ...]
    closings: tuple[Closing, ...]
    traces: Mapping[int, Trace]
    stop: Why | None

    def closed_traces(self, number: int) -> tuple[Trace, ...]:
        """The traces of a closed round, in sampling order."""
        return tuple(self.traces[index] for index in self.closings[number].traces)

    def all_traces(self) -> list[Trace]:
        """Every trace that counts, round by round."""
        return [t for number in range(len(self.closings)) for t in self.closed_traces(number)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ended. `fault` is set when it has no answer to give; `usage` is paid either way."""

    vote: Vote | None = None
    fault: Fault | None = None
    why: Why = Why.COMPLETE
    usage: Usage = NOTHING
    traces: tuple[Trace, ...] = ()
    rounds: int = 0
    elapsed_s: float = 0.0
    upstream_s: float = 0.0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """What a trace said, in OpenAI's shape; `logprobs` only when the client asked for them."""

    message: Mapping[str, Any] = field(default_factory=dict)
    finish: str | None = None
    logprobs: Mapping[str, Any] | None = None


def total_usage(traces: Iterable[Trace]) -> Usage:
    """The sum of what the upstream reported."""
    return sum((trace.usage for trace in traces), Usage())
