"""One trace: call, read, retry, stop. Expected failures end as values; nothing here raises them."""

import random
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import NamedTuple

from tts_core.errors import UpstreamBusy, UpstreamError, UpstreamRefused, UpstreamUnreachable
from tts_core.model import Fault, Finish, Sampling, Trace, Usage, Why
from tts_core.tracing import Chunk, TraceBuilder
from workers.call import Call
from workers.metrics_calls import observed
from workers.pacing import gather, give_way, in_flight
from workers.records import NOTHING, Carried, StoredPlan, Text
from workers.scoring import stream_score
from workers.stopping import Watch
from workers.transport import Hooks
from workers.upstream import stream_chat
from workers.wire import raw_logprobs

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0
UPSTREAM_FINISHES = frozenset(Finish) - {Finish.STOPPED, Finish.FAILED}
LOST = "A worker was lost while it sampled this trace; what that attempt had cost is not in the usage."
NO_LOGPROBS = "The upstream refused logprobs; the trace was sampled without them."


class Sampled(NamedTuple):
    """A trace, what it said, and how confident (nats) it was of each token."""

    trace: Trace
    text: Text
    confidences: tuple[float, ...]


class End(NamedTuple):
    """How a trace ended."""

    finish: Finish
    stop: Why | None = None
    fault: UpstreamError | None = None


@dataclass(slots=True)
class Account:
    """What all attempts of a trace have cost so far."""

    usage: Usage = NOTHING
    unreported: int = 0
    blind: int = 0
    attempts: int = 0
    first_token_s: float | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, call: Call) -> "Account":
        """What the trace had cost before it came here."""
        carried = call.carried
        notes = (LOST,) if call.lost else ()
        return cls(carried.usage, carried.unreported, carried.blind, carried.attempts, notes=notes)

    def settle(self, builder: TraceBuilder) -> None:
        """Add an attempt: the upstream's own account, else the tokens that arrived."""
        count = builder.counted_tokens
        if builder.usage:
            self.usage += builder.usage
        elif count:
            self.usage += Usage(completion_tokens=count, total_tokens=count)
            self.unreported += count
            self.blind += 1


class HandedBack(Exception):
    """Another process is to have the trace; what it has cost so far."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self.carried = Carried(account.usage, account.unreported, account.blind, account.attempts)


def sample(call: Call, watch: Watch) -> Sampled:
    """Sample one trace, with retries, until it ends, is stopped or has failed for good.

    Raises HandedBack when this process is to end and the trace can begin anew elsewhere.
    """
    started = time.monotonic()
    account = Account.of(call)
    while True:
        if watch.handed_back and not watch.why:
            raise HandedBack(account)
        account.attempts += 1
        builder = TraceBuilder(call.sampling)
        fault = attempt(call, builder, account, watch)
        account.settle(builder)
        if end := end_of(builder, fault, watch):
            return told(call, builder, account, end, started)
        if watch.handed_back and has_relayed(call, builder):
            return told(call, builder, account, End(Finish.FAILED, fault=broken_off()), started)
        if watch.handed_back:
            continue
        if refuses_logprobs(fault, call.sampling):
            account.notes += (NO_LOGPROBS,)
            call = replace(call, sampling=replace(call.sampling, top_logprobs=0))
            continue
        pause_s = pause(call, builder, account.attempts, fault)
        if pause_s is None:
            return told(call, builder, account, End(Finish.FAILED, fault=fault), started)
        if watch.stopped.wait(pause_s) and watch.why:
            return told(call, builder, account, End(Finish.STOPPED, watch.why), started)


def attempt(call: Call, builder: TraceBuilder, account: Account, watch: Watch) -> UpstreamError | None:
    """One upstream call, read to its end or until the trace is to stop; what went wrong, if anything."""
    asked_s = time.monotonic()
    try:
        with (
            in_flight.one_more(),
            observed(call, account, watch),
            opened(call, Hooks(watch.connected, gather)) as chunks,
        ):
            guard: StoredPlan | None = None
            for reads, chunk in enumerate(chunks):
                builder.add(chunk)
                if watch.guard and watch.guard is not guard:
                    guard = watch.guard
                    builder.guard(guard.sampling(call.index))
                show(call, builder, chunk)
                if account.first_token_s is None and builder.counted_tokens:
                    account.first_token_s = time.monotonic() - asked_s
                watch.tokens = builder.counted_tokens
                if watch.why or watch.handed_back or builder.below:
                    break
                give_way(reads)
    except UpstreamError as error:
        return error
    return None


def opened(call: Call, hooks: Hooks) -> AbstractContextManager[Iterator[Chunk]]:
    """The stream of a model, or of a scorer. Raises UpstreamError when it is entered."""
    if call.sampling.scorer:
        return stream_score(
            call.upstream,
            call.sampling,
            timeout_s=call.timeout_s,
            request_id=call.request_id,
            hooks=hooks,
        )
    return stream_chat(
        call.upstream,
        call.body(),
        timeout_s=call.timeout_s,
        keep_logprobs=call.sampling.keep_logprobs,
        request_id=call.request_id,
        hooks=hooks,
    )


def show(call: Call, builder: TraceBuilder, chunk: Chunk) -> None:
    """Show a chunk to the observers. Raises UpstreamRefused when it lacks needed logprobs."""
    if call.sampling.require_logprobs and builder.pieces and not builder.tokens:
        raise UpstreamRefused(
            "The upstream gave no usable logprobs for this model, which tts_require_logprobs asks for.",
            status=400,
            param="tts_require_logprobs",
            code="logprobs_unavailable",
        )
    for observer in call.observers:
        observer.see(builder, chunk)


def end_of(builder: TraceBuilder, fault: UpstreamError | None, watch: Watch) -> End | None:
    """How the trace ended; None when it is to be tried again or has failed.

    One that has said its last word is whole, however its connection ended.
    """
    if builder.finish and not isinstance(fault, UpstreamRefused):
        return End(finish_of(builder.finish))
    if watch.why:
        return End(Finish.STOPPED, watch.why)
    if watch.handed_back:
        return None
    return End(Finish.STOPPED, Why.THRESHOLD) if fault is None else None


def refuses_logprobs(fault: UpstreamError | None, sampling: Sampling) -> bool:
    """Whether the upstream would have answered but for the logprobs we asked for."""
    return (
        isinstance(fault, UpstreamRefused)
        and fault.status in (400, 422)
        and sampling.top_logprobs > 0
        and not sampling.require_logprobs
        and "logprob" in f"{fault.message} {fault.param}"
    )


def pause(call: Call, builder: TraceBuilder, attempts: int, fault: UpstreamError | None) -> float | None:
    """Seconds to wait before the next attempt; None when there is to be none."""
    if isinstance(fault, UpstreamRefused) or attempts > call.retries or has_relayed(call, builder):
        return None
    wait_s = FIRST_PAUSE_S * 2 ** (attempts - 1) * random.uniform(0.75, 1.25)  # noqa: S311
    if isinstance(fault, UpstreamBusy) and fault.retry_after_s is not None:
        wait_s = fault.retry_after_s
    too_long = wait_s > LONGEST_PAUSE_S or time.time() + wait_s >= call.deadline_s
    return None if too_long else wait_s


def has_relayed(call: Call, builder: TraceBuilder) -> bool:
    """Whether a client has read the beginning of the trace: another attempt would say other things."""
    return call.sampling.relay and builder.counted_tokens > 0


def broken_off() -> UpstreamUnreachable:
    """What a client is told whose stream cannot go on."""
    return UpstreamUnreachable("The worker that passed this stream on has ended; ask again.")


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


def defective(call: Call) -> Sampled:
    """A trace that failed by a defect of ours."""
    return failed(call, Fault("InternalFault", "The service could not read this trace."))


def interrupted(call: Call) -> Sampled:
    """A trace that a lost worker had begun to pass on to a client."""
    return failed(call, fault_of(broken_off()))


def failed(call: Call, fault: Fault) -> Sampled:
    """A trace without a word."""
    account = Account.of(call)
    trace = Trace(
        index=call.index,
        finish=Finish.FAILED,
        fault=fault,
        usage=account.usage,
        unreported=account.unreported,
        blind=account.blind,
        attempts=account.attempts,
        notes=account.notes,
        model=call.sampling.model,
        judge=call.sampling.judge,
    )
    return Sampled(trace, Text({"role": "assistant", "content": None}, Finish.FAILED.value), ())


def told(call: Call, builder: TraceBuilder, account: Account, end: End, started: float) -> Sampled:
    """The trace and its text as they are kept."""
    finished = end.finish not in (Finish.FAILED, Finish.STOPPED)
    trace = Trace(
        index=call.index,
        finish=end.finish,
        stop=end.stop,
        answer=builder.answer() if finished else None,
        confidence=builder.confidence(),
        tokens=builder.counted_tokens,
        usage=account.usage,
        unreported=account.unreported,
        blind=account.blind,
        attempts=account.attempts,
        fault=fault_of(end.fault) if end.fault else None,
        first_token_s=account.first_token_s,
        elapsed_s=time.monotonic() - started,
        notes=(*account.notes, *misfit(builder, finished)),
        model=call.sampling.model,
        judge=call.sampling.judge,
    )
    logprobs = raw_logprobs(builder.entries) if builder.sampling.keep_logprobs else None
    kept = tuple(builder.confidences) if call.sampling.keep_confidences else ()
    return Sampled(trace, Text(builder.message(), end.finish.value, logprobs), kept)


def misfit(builder: TraceBuilder, finished: bool) -> tuple[str, ...]:
    """A word on an answer that is not what its schema asks for."""
    return (builder.misfit,) if finished and builder.misfit else ()
