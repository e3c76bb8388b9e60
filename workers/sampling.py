"""One trace: call, read, retry, stop. Expected failures end as values; nothing here raises them."""

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from gevent import sleep as give_way

from tts_core.errors import UpstreamBusy, UpstreamError, UpstreamRefused
from tts_core.model import Fault, Finish, Sampling, Trace, Usage
from tts_core.tracing import TraceBuilder
from workers.records import NOTHING, Text
from workers.settings import Upstream
from workers.stopping import Watch
from workers.transport import Hooks
from workers.upstream import stream_chat
from workers.wire import raw_logprobs

READS_PER_TURN = 8
BUSY_TRACES = 16
GATHER_S = 0.03
CROWDED_TRACES = 128
LONG_GATHER_S = 0.05
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
SEED_SPACE = 2**31 - 1
UPSTREAM_FINISHES = frozenset(Finish) - {Finish.STOPPED, Finish.FAILED}
NO_LOGPROBS = "The upstream refused logprobs; the trace was sampled without them."


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A sampling with all that it needs outside the domain. `deadline_s` is on the epoch."""

    sampling: Sampling
    index: int
    number: int
    deadline_s: float
    upstream: Upstream
    timeout_s: float
    retries: int
    request_id: str = ""


@dataclass(slots=True)
class Account:
    """What all attempts of a trace have cost so far."""

    usage: Usage = NOTHING
    unreported: int = 0
    attempts: int = 0
    first_token_s: float | None = None
    notes: tuple[str, ...] = ()

    def settle(self, builder: TraceBuilder) -> None:
        """Add an attempt: the upstream's own account, else the tokens that arrived."""
        if builder.usage:
            self.usage += builder.usage
        else:
            self.unreported += builder.counted_tokens


def sample(call: Call, watch: Watch) -> tuple[Trace, Text]:
    """Sample one trace, with retries, until it ends, is stopped or has failed for good."""
    started = time.monotonic()
    account = Account()
    while True:
        account.attempts += 1
        builder = TraceBuilder(call.sampling)
        fault = attempt(call, builder, account, watch)
        account.settle(builder)
        if fault is None and builder.finish:
            return told(builder, account, started, call, finish=finish_of(builder.finish))
        if fault is None or watch.why:
            return told(builder, account, started, call, finish=Finish.STOPPED)
        if refuses_logprobs(fault, call.sampling):
            account.notes += (NO_LOGPROBS,)
            call = replace(call, sampling=replace(call.sampling, top_logprobs=0))
            continue
        pause_s = pause(call, account.attempts, fault)
        if pause_s is None or watch.stopped.wait(pause_s):
            finish = Finish.STOPPED if watch.why else Finish.FAILED
            return told(builder, account, started, call, finish=finish, fault=fault_of(fault))


def attempt(call: Call, builder: TraceBuilder, account: Account, watch: Watch) -> UpstreamError | None:
    """One upstream call, read to its end or until the trace is to stop."""
    started = time.monotonic()
    try:
        with (
            in_flight.one_more(),
            stream_chat(
                call.upstream,
                body_of(call),
                timeout_s=call.timeout_s,
                keep_logprobs=call.sampling.keep_logprobs,
                request_id=call.request_id,
                hooks=Hooks(watch.connected, gather),
            ) as chunks,
        ):
            for reads, chunk in enumerate(chunks):
                builder.add(chunk)
                if account.first_token_s is None and builder.counted_tokens:
                    account.first_token_s = time.monotonic() - started
                if watch.why:
                    break
                if not reads % READS_PER_TURN:
                    give_way(0)
    except UpstreamError as error:
        return error
    return None


class InFlight:
    """How many traces this process reads."""

    count = 0

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Count a trace while it is read."""
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1


in_flight = InFlight()


def gather() -> None:
    """In a busy process, let a few tokens arrive before they are read: waking up costs more than
    reading, and 30 ms are three tokens of a fast model."""
    if in_flight.count >= BUSY_TRACES:
        give_way(LONG_GATHER_S if in_flight.count >= CROWDED_TRACES else GATHER_S)


def body_of(call: Call) -> Mapping[str, Any]:
    """What the upstream is sent: the client's own fields, streamed, with log-probabilities."""
    sampling = call.sampling
    body: dict[str, Any] = {
        **sampling.parameters,
        "model": sampling.model.removeprefix(call.upstream.drops_prefix),
        "messages": sampling.messages,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if sampling.top_logprobs:
        body |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
    if sampling.seed is not None:
        body["seed"] = seed_of(sampling.seed, call.number, call.index)
    return body


def seed_of(seed: int, number: int, index: int) -> int:
    """The seed of a trace: the request's own for the first, so that one trace is what it was."""
    mixed = seed + 1_000_003 * index + 7_919 * number
    return mixed if 0 <= mixed <= SEED_SPACE else mixed % SEED_SPACE


def refuses_logprobs(fault: UpstreamError, sampling: Sampling) -> bool:
    """Whether the upstream would have answered but for the logprobs we asked for."""
    return (
        isinstance(fault, UpstreamRefused)
        and fault.status in (400, 422)
        and sampling.top_logprobs > 0
        and "logprob" in f"{fault.message} {fault.param}"
    )


def pause(call: Call, attempts: int, fault: UpstreamError) -> float | None:
    """Seconds to wait before the next attempt; None when there is to be none."""
    if isinstance(fault, UpstreamRefused) or attempts > call.retries:
        return None
    wait_s = FIRST_PAUSE_S * 2 ** (attempts - 1) * random.uniform(0.75, 1.25)  # noqa: S311
    if isinstance(fault, UpstreamBusy) and fault.retry_after_s is not None:
        wait_s = fault.retry_after_s
    too_long = wait_s > LONGEST_PAUSE_S or time.time() + wait_s >= call.deadline_s
    return None if too_long else wait_s


def finish_of(word: str) -> Finish:
    """The upstream's word, when it is one of OpenAI's; some have their own for `stop`."""
    return Finish(word) if word in UPSTREAM_FINISHES else Finish.STOP


def fault_of(error: UpstreamError) -> Fault:
    """The failure as a value that can be kept."""
    return Fault(
        error=type(error).__name__,
        message=error.message,
        status=getattr(error, "status", None),
        retry_after_s=error.retry_after_s,
        param=error.param,
        code=error.code,
    )


def told(
    builder: TraceBuilder,
    account: Account,
    started: float,
    call: Call,
    *,
    finish: Finish,
    fault: Fault | None = None,
) -> tuple[Trace, Text]:
    """The trace and its text as they are kept."""
    finished = finish not in (Finish.FAILED, Finish.STOPPED)
    trace = Trace(
        index=call.index,
        finish=finish,
        answer=builder.answer() if finished else None,
        confidence=builder.confidence(),
        tokens=builder.counted_tokens,
        usage=account.usage,
        unreported=account.unreported,
        attempts=account.attempts,
        fault=fault,
        first_token_s=account.first_token_s,
        elapsed_s=time.monotonic() - started,
        notes=account.notes,
    )
    logprobs = raw_logprobs(builder.entries) if builder.sampling.keep_logprobs else None
    return trace, Text(builder.message(), finish.value, logprobs)
