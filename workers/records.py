"""What is written down of a run, and read back by web and workers: JSON of frozen dataclasses."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from tts_core.model import Fault, Plan, Request, Sampling, Trace, Until, Usage, Vote, Why

RESPONSE_PREFIX = "resp_"
NOTHING = Usage()


class Source(StrEnum):
    """How a run was handed in."""

    CHAT = "chat"
    JOB = "job"
    RESPONSE = "response"
    BATCH = "batch"
    COMPARE = "compare"


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A run as it was handed in. Times are seconds since the epoch.

    `owner` is a digest of the client's key; `shown` is how the answer is to be rendered; `extends` the
    job whose traces were taken over; `webhook` the endpoint that is told of the end, a name or a URL.
    """

    request: Request
    created_s: float
    deadline_s: float
    request_id: str = ""
    owner: str = ""
    source: Source = Source.CHAT
    shown: Mapping[str, Any] = field(default_factory=dict)
    extends: str | None = None
    webhook: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What every trace needs to know of its run, and no more: it is read very often."""

    deadline_s: float
    request_id: str = ""
    max_total_tokens: int | None = None
    source: Source = Source.CHAT


@dataclass(frozen=True, slots=True)
class Curve:
    """A trace that is being written, of a run that keeps confidences: their means (nats), each of
    `tokens_per_point` tokens but for the last, which may be of fewer."""

    index: int
    tokens_per_point: int
    confidences: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Holding:
    """What a worker process has of a run at `at_s` (epoch): traces by index, with the tokens they have
    received and the seconds since they began, all added up; the curves of those that are to be seen."""

    at_s: float
    indexes: tuple[int, ...]
    tokens: int = 0
    ages_s: float = 0.0
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True, slots=True)
class Carried:
    """What a trace had cost when its worker handed it back, as in a Trace."""

    usage: Usage = NOTHING
    unreported: int = 0
    blind: int = 0
    attempts: int = 0
    cost: float | None = 0.0
    blind_usd: float = 0.0


NOTHING_YET = Carried()


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan as it is kept: equal samplings once. `first` is the run-wide index of its first trace;
    `ahead`: started before its round, so that a guard may follow."""

    samplings: tuple[Sampling, ...]
    which: tuple[int, ...]
    first: int
    until: Until | None = None
    ahead: bool = False

    @classmethod
    def of(cls, samplings: Sequence[Sampling], first: int, until: Until | None = None) -> "StoredPlan":
        """Pack samplings; one that a strategy repeats is stored once."""
        unique = {id(sampling): sampling for sampling in samplings}
        place = {key: position for position, key in enumerate(unique)}
        which = tuple(place[id(sampling)] for sampling in samplings)
        return cls(tuple(unique.values()), which, first, until)

    @property
    def judging(self) -> Plan | None:
        """The plan that a strategy is to ask for again; None while a round that was started ahead has
        not got what judges it."""
        if self.ahead and self.until is None and self.samplings[0].stop_below is None:
            return None
        return Plan(tuple(self.samplings[place] for place in self.which), self.until)

    @property
    def indexes(self) -> range:
        """The run-wide indexes of its traces."""
        return range(self.first, self.first + len(self.which))

    @property
    def judges(self) -> frozenset[int]:
        """Those of its indexes that judge traces and are none themselves."""
        return frozenset(index for index in self.indexes if self.sampling(index).judge)

    def sampling(self, index: int) -> Sampling:
        """What trace `index` is sampled with."""
        return self.samplings[self.which[index - self.first]]


@dataclass(frozen=True, slots=True)
class Closing:
    """How a round was closed, decided once: the reason and the traces that count; which answers mean the
    `same` (from an answer's key to that of its class's leader), and a word on that."""

    why: Why
    traces: tuple[int, ...]
    same: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """All that is known of a run but its texts."""

    submission: Submission
    plans: tuple[StoredPlan, ...]
    closings: tuple[Closing, ...]
    traces: Mapping[int, Trace]
    stop: Why | None
    stops: Mapping[int, Why]
    sent_s: Mapping[int, float]
    published: frozenset[int]
    rules: str = ""
    acknowledged: bool = False
    waiting: int = 0
    orphaned_s: float | None = None
    carried: Mapping[int, Carried] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether a round has begun and is not closed."""
        return len(self.plans) > len(self.closings)

    def sampled_before(self, number: int) -> int:
        """How many traces the rounds before a round have."""
        return sum(len(plan.which) for plan in self.plans[:number])

    def is_full(self, number: int) -> bool:
        """Whether every trace of a round has ended."""
        return all(index in self.traces for index in self.plans[number].indexes)

    def closed_traces(self, number: int) -> tuple[Trace, ...]:
        """The traces of a closed round, in sampling order, answers that mean the same under one key."""
        same = same_in(self.closings[: number + 1])
        return tuple(led(self.traces[index], same) for index in self.closings[number].traces)

    @property
    def leaders(self) -> frozenset[str]:
        """The keys of all classes of answers in closed rounds."""
        return frozenset(trace.answer.key for trace in self.all_traces() if trace.answer)

    @property
    def notes(self) -> tuple[str, ...]:
        """What its closings have to say, each once."""
        return tuple(dict.fromkeys(note for closing in self.closings for note in closing.notes))

    @property
    def unkept(self) -> list[Carried]:
        """What traces had cost that were handed back and never sampled to an end."""
        return [cost for index, cost in self.carried.items() if index not in self.traces]

    def all_traces(self) -> list[Trace]:
        """Every trace that counts, round by round."""
        return [t for number in range(len(self.closings)) for t in self.closed_traces(number)]


def same_in(closings: Iterable[Closing]) -> dict[str, str]:
    """All that is known of answers that mean the same."""
    return {key: leader for closing in closings for key, leader in closing.same.items()}


def led(trace: Trace, same: Mapping[str, str]) -> Trace:
    """The trace with the key of its answer's class; the answer is spelt as it was."""
    if trace.answer is None or trace.answer.key not in same:
        return trace
    return replace(trace, answer=replace(trace.answer, key=same[trace.answer.key]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ended. `fault` is set when it has no answer to give; `usage` is paid either way. `cost` is
    in US dollars, None when a price is not known; `strategy` is empty where a bug has ended the run."""

    vote: Vote | None = None
    fault: Fault | None = None
    why: Why = Why.COMPLETE
    usage: Usage = NOTHING
    saved_tokens: int = 0
    traces: tuple[Trace, ...] = ()
    rounds: int = 0
    elapsed_s: float = 0.0
    upstream_s: float = 0.0
    warnings: tuple[str, ...] = ()
    cost: float | None = None
    strategy: str = ""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One entry of a run's log; `data` is JSON."""

    id: str
    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Text:
    """What a trace said, in OpenAI's shape; `logprobs` only when the client asked for them."""

    message: Mapping[str, Any] = field(default_factory=dict)
    finish: str | None = None
    logprobs: Mapping[str, Any] | None = None

    @property
    def content(self) -> str:
        """The words of the message."""
        return self.message.get("content") or ""


@dataclass(frozen=True, slots=True)
class Word:
    """What is said on the channel STOPS: to a run, or to one of its rounds."""

    run_id: str
    number: int | None
    why: Why | None = None
    guard: StoredPlan | None = None


class Arrival(NamedTuple):
    """What a sampling task finds: the trace if it is kept already, and whether to start at all.

    `holder` is the process that samples it already; `carried` what it has cost elsewhere, and `lost`
    tells that a worker went away with it and nobody knows what that cost.
    """

    kept: Trace | None = None
    plan: StoredPlan | None = None
    ticket: Ticket | None = None
    holder: str = ""
    carried: Carried = NOTHING_YET
    lost: bool = False


NOT_WANTED = Arrival()
