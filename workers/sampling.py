"""One trace: call, read, retry, stop. Expected failures end as values; nothing here raises them."""

import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import NamedTuple

from tts_core.errors import (
    UpstreamError,
    UpstreamRefused,
    UpstreamUnreachable,
)
from tts_core.model import Fault, Finish, Trace, Why
from tts_core.tracing import Chunk, TraceBuilder
from workers.account import Account, HandedBack, price_of
from workers.call import Call
from workers.metrics_calls import observed
from workers.pacing import gather, give_way, in_flight
from workers.records import StoredPlan, Text
from workers.retrying import has_relayed, instead_of, pause, refuses_logprobs
from workers.scoring import stream_score
from workers.stopping import Watch
from workers.transport import Hooks
from workers.turns import Stopped, Turn
from workers.upstream import stream_chat
from workers.wire import raw_logprobs

UPSTREAM_FINISHES = frozenset(Finish) - {Finish.STOPPED, Finish.FAILED}
log = logging.getLogger(__name__)
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
        account.settle(builder, price_of(call))
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
        pause_s = pause(call, builder, account.attempts - account.elsewhere, fault)
        if pause_s is None:
            other = instead_of(call, builder, fault)
            if other is None:
                return told(call, builder, account, End(Finish.FAILED, fault=fault), started)
            account.turn_to(call, other)
            call = other
            continue
        if watch.stopped.wait(pause_s) and watch.why:
            return told(call, builder, account, End(Finish.STOPPED, watch.why), started)


def attempt(call: Call, builder: TraceBuilder, account: Account, watch: Watch) -> UpstreamError | None:
    """One upstream call, read to its end or until the trace is to stop; what went wrong, if anything."""
    watch.confidences = builder.confidences if call.sampling.keep_confidences else ()
    try:
        with (
            turn_of(call, builder, watch) as turn,
            in_flight.one_more(),
            observed(call, builder, account, watch),
            opened(call, Hooks(watch.connected, gather)) as chunks,
        ):
            guard: StoredPlan | None = None
            for reads, chunk in enumerate(chunks):
                turn.served()
                builder.add(chunk)
                if watch.guard and watch.guard is not guard:
                    guard = watch.guard
                    builder.guard(guard.sampling(call.index))
                show(call, builder, chunk)
                if account.first_token_s is None and builder.counted_tokens:
                    account.first_token_s = time.monotonic() - turn.began_s
                watch.tokens = builder.counted_tokens
                if watch.why or watch.handed_back or builder.below:
                    break
                give_way(reads)
    except UpstreamError as error:
        return error
    except Stopped:
        log.debug("trace %d was stopped before its turn", call.index)
    return None


def turn_of(call: Call, builder: TraceBuilder, watch: Watch) -> AbstractContextManager[Turn]:
    """The call's turn at its upstream. Raises UpstreamError or Stopped when it is entered."""
    if call.turns is None or not call.upstream.is_limited:
        return nullcontext(Turn())
    return call.turns.turn(call.upstream, builder, watch, deadline_s=call.deadline_s, batch=call.batch)


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
    if builder.cut_off and fault is None:
        return End(Finish.STOPPED, Why.THRESHOLD)
    if builder.finish and not isinstance(fault, UpstreamRefused):
        return End(finish_of(builder.finish))
    if watch.why:
        return End(Finish.STOPPED, watch.why)
    if watch.handed_back:
        return None
    return End(Finish.STOPPED, Why.THRESHOLD) if fault is None else None


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
        upstream=call.upstream.name,
        cost=account.cost,
        blind_usd=account.blind_usd,
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
        upstream=call.upstream.name,
        cost=account.cost,
        blind_usd=account.blind_usd,
        judge=call.sampling.judge,
    )
    logprobs = raw_logprobs(builder.entries) if builder.sampling.keep_logprobs else None
    kept = tuple(builder.confidences) if call.sampling.keep_confidences else ()
    return Sampled(trace, Text(builder.message(), end.finish.value, logprobs), kept)


def misfit(builder: TraceBuilder, finished: bool) -> tuple[str, ...]:
    """A word on an answer that is not what its schema asks for."""
    return (builder.misfit,) if finished and builder.misfit else ()
