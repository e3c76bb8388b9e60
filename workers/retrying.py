"""What follows an attempt that failed: a pause, another upstream, or nothing more."""

import random
import time
from dataclasses import replace

from tts_core.errors import (
    UpstreamBusy,
    UpstreamDown,
    UpstreamError,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from tts_core.model import Sampling
from tts_core.tracing import TraceBuilder
from workers.call import Call

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 60.0


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
    """Seconds to wait before the next attempt; None when there is to be none. An upstream that is away
    is not asked again while there are others."""
    is_away = isinstance(fault, UpstreamUnreachable | UpstreamTimeout)
    if isinstance(fault, UpstreamRefused | UpstreamDown) or (is_away and call.others):
        return None
    if attempts > call.retries or has_relayed(call, builder):
        return None
    wait_s = FIRST_PAUSE_S * 2 ** (attempts - 1) * random.uniform(0.75, 1.25)  # noqa: S311
    if isinstance(fault, UpstreamBusy) and fault.retry_after_s is not None:
        wait_s = fault.retry_after_s
    too_long = wait_s > LONGEST_PAUSE_S or time.time() + wait_s >= call.deadline_s
    return None if too_long else wait_s


def instead_of(call: Call, builder: TraceBuilder, fault: UpstreamError | None) -> Call | None:
    """The same call of the next upstream; None when nobody else is to be asked."""
    is_final = isinstance(fault, UpstreamRefused) or has_relayed(call, builder)
    if is_final or not call.others or time.time() >= call.deadline_s:
        return None
    return replace(call, upstream=call.others[0], others=call.others[1:])


def has_relayed(call: Call, builder: TraceBuilder) -> bool:
    """Whether a client has read the beginning of the trace: another attempt would say other things."""
    return call.sampling.relay and builder.counted_tokens > 0
