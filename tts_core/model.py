"""The words of Chorus, in the order a request meets them:
Request -> Plan -> Trace -> Round -> ... -> Vote. Everything is frozen."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """One upstream call, fully specified.

    `parameters` goes to the upstream as it is (temperature, tools, top_k, ...).
    `top_logprobs` is k of the token confidence, 0 to ask for none; `window_tokens` the group size
    (None: to be chosen after a warm-up). A trace whose group confidence falls below `stop_below`
    (nats) is stopped. `keep_confidences` has the strategy see every token's confidence, `keep_text`
    what the trace says. `prefill` is the beginning of the message, which the upstream is to go on with.
    `judge`: the call judges traces and is none itself. `scorer` names the HTTP scorer that is asked
    instead of a model.
    """

    model: str
    messages: tuple[Json, ...]
    parameters: Json = field(default_factory=dict)
    seed: int | None = None
    top_logprobs: int = 20
    window_tokens: int | None = 2048
    stop_below: float | None = None
    keep_confidences: bool = False
    require_logprobs: bool = False
    answer_format: str = "auto"
    keep_logprobs: bool = False
    relay: bool = False
    keep_text: bool = False
    prefill: str = ""
    judge: bool = False
    scorer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a run may not exceed; seconds count from its submission."""

    deadline_s: float | None = None
    max_total_tokens: int | None = None
    min_traces: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The validated question. `options` are the strategy's own, `choices` is OpenAI's `n`; judges are
    asked of `judge_model` (None: the model of the question)."""

    sampling: Sampling
    strategy: str
    options: Json = field(default_factory=dict)
    limits: Limits = Limits()
    choices: int = 1
    require_logprobs: bool = False
    judge_model: str | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """When a round may be closed before all its traces have ended: as soon as one rule holds.

    `consensus`: the leader's share of the weight, with `votes` kept votes at least; `beta`: the
    probability that the leader stays the leader; `finished`: so many usable traces. `before` are
    traces of earlier rounds that vote along; below `at_least` (nats, lowest group) nobody votes.
    """

    consensus: float | None = None
    beta: float | None = None
    finished: int | None = None
    confidence: str = "lowest_group"
    weighted: bool = True
    at_least: float | None = None
    votes: int = 3
    before: "tuple[Trace, ...]" = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The samplings of one round: any order, all at once, never empty.

    `ahead` are samplings of the next round that may start already; its plan then has as many, and
    may add what stops them.
    """

    samplings: tuple[Sampling, ...]
    until: Until | None = None
    ahead: tuple[Sampling, ...] = ()


class Why(StrEnum):
    """Why a trace, a round or a run ended early, or that it did not."""

    COMPLETE = "complete"
    CONSENSUS = "consensus"
    DEADLINE = "deadline"
    TOKEN_CAP = "token_cap"  # noqa: S105
    CANCELLED = "cancelled"
    THRESHOLD = "threshold"


class Finish(StrEnum):
    """Why a trace ended: OpenAI's reasons, then our own."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    FUNCTION_CALL = "function_call"
    CONTENT_FILTER = "content_filter"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Confidence:
    """The four trace confidences of DeepConf (sections 2-3), in nats; higher is more certain."""

    mean: float
    tail: float
    bottom10: float
    lowest_group: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a trace concluded: `text` as it was spelt, `key` typed and exact (equal keys, same answer)."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the upstream reported them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.total_tokens + other.total_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.cached_tokens + other.cached_tokens,
        )


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a trace failed: the name of an error class of `errors`, and what the client may read."""

    error: str
    message: str
    status: int | None = None
    retry_after_s: float | None = None
    param: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One sampled chain of thought; or a judge's word on others, which never votes (`judge`).

    `tokens` counts what arrived (logprob entries, else text pieces). `usage` covers all attempts: the
    upstream's own account where it gave one, else the tokens that arrived, which `unreported` counts
    over the `blind` attempts without an account. `stop` tells why it was stopped. `cost` (US dollars,
    None: a price is not known) is of what `usage` counts; `blind_usd` has to be added for each token of
    the prompt. `upstream` names the server that was asked last. `token_confidences`
    (nats) and `text` (with its prefill) are there only for a strategy that asked to keep them.
    """

    index: int
    finish: Finish
    stop: Why | None = None
    answer: Answer | None = None
    confidence: Confidence | None = None
    tokens: int = 0
    usage: Usage = Usage()
    unreported: int = 0
    blind: int = 0
    attempts: int = 1
    fault: Fault | None = None
    first_token_s: float | None = None
    elapsed_s: float = 0.0
    notes: tuple[str, ...] = ()
    token_confidences: tuple[float, ...] = ()
    model: str = ""
    judge: bool = False
    text: str = ""
    upstream: str = ""
    cost: float | None = None
    blind_usd: float = 0.0

    @property
    def usable(self) -> bool:
        """Whether the trace came to an end of its own."""
        return self.finish not in (Finish.FAILED, Finish.STOPPED)


@dataclass(frozen=True, slots=True)
class Round:
    """A plan's traces in sampling order; `last` means that no further round may be asked for."""

    traces: tuple[Trace, ...]
    last: bool = False


@dataclass(frozen=True, slots=True)
class AnswerClass:
    """Traces that mean the same answer: `traces` by index, `weight` in the vote's unit."""

    answer: str
    spellings: tuple[str, ...]
    traces: tuple[int, ...]
    weight: float
    share: float

    @property
    def votes(self) -> int:
        """How many traces voted for it."""
        return len(self.traces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What the traces decided. `classes` come best first; `winners` holds the representative trace
    of each class in the same order, or the single most confident trace when nobody had an answer.
    `decided`: a consensus ended the sampling."""

    winners: tuple[int, ...]
    classes: tuple[AnswerClass, ...] = ()
    voters: tuple[int, ...] = ()
    weighted_answer: str | None = None
    majority_answer: str | None = None
    confidence: float | None = None
    agreement: float | None = None
    consensus: float | None = None
    threshold: float | None = None
    window_tokens: int | None = None
    decided: bool = False
    warnings: tuple[str, ...] = ()


Strategy = Generator[Plan, Round, Vote]
