"""The Celery tasks: begin a run, sample one trace, collect a round. Messages carry ids only."""

import logging
from functools import cache, partial
from typing import Any

from celery import shared_task
from celery.utils import uuid

from tts_core.model import Sampling, Why
from workers.call import Call
from workers.celery import app, settings
from workers.logs import request_id
from workers.observing import Relay, TokenCap
from workers.records import StoredPlan, Ticket
from workers.rounds import Rounds
from workers.runs import Runs, connect
from workers.sampling import Sampled, defective
from workers.sampling import sample as sample_trace
from workers.stopping import Stops, Watch

PUBLISHED_AT_ONCE = 64
STORE_CONNECTIONS = 64
log = logging.getLogger(__name__)

Receipt = list[Any]


@cache
def runs() -> Runs:
    """This process's view of the store."""
    return Runs(connect(settings.store_url, most=STORE_CONNECTIONS), settings.job_ttl_s)


@cache
def stops() -> Stops:
    """This process's listener for stops."""
    return Stops(runs())


@cache
def rounds() -> Rounds:
    """What moves runs forward in this process."""
    return Rounds(runs(), publish)


@shared_task(name="chorus.begin")
def begin(run_id: str) -> None:
    """Ask the strategy for its first round."""
    with rounds().at_stake(run_id):
        rounds().step(run_id)


@shared_task(name="chorus.sample")
def sample(run_id: str, number: int, index: int) -> Receipt:
    """Sample trace `index` of a run, unless it is kept already or no longer wanted."""
    with stops().watch(run_id, number) as watch:
        arrival = runs().arrive(run_id, number, index)
        if arrival.kept:
            return [index, arrival.kept.finish.value, arrival.kept.tokens]
        if arrival.plan is None or arrival.ticket is None:
            return [index, "skipped", 0]
        call = call_of(run_id, number, index, arrival.plan.sampling(index), arrival.ticket)
        request_id.set(call.request_id)
        trace, text, confidences = sampled(call, watch)
    runs().keep(run_id, trace, text, confidences)
    rounds().stop_if_decided(run_id, number)
    if trace.fault:
        log.warning(
            "run %s trace %d failed after %d attempts: %s",
            run_id, index, trace.attempts, trace.fault.message,
        )  # fmt: skip
    return [index, trace.finish.value, trace.tokens]


def sampled(call: Call, watch: Watch) -> Sampled:
    """The trace; a failed one when we have a bug, which must cost neither the run nor its other traces."""
    try:
        return sample_trace(call, watch)
    except Exception:
        log.exception("trace %d could not be sampled", call.index)
        return defective(call)


def call_of(run_id: str, number: int, index: int, sampling: Sampling, ticket: Ticket) -> Call:
    """A trace's upstream call."""
    cap = ticket.max_total_tokens
    stop = partial(rounds().stop, run_id, Why.TOKEN_CAP)
    observers = (TokenCap(runs(), run_id, cap, stop),) if cap else ()
    return Call(
        sampling=sampling,
        index=index,
        number=number,
        deadline_s=ticket.deadline_s,
        upstream=settings.upstream,
        timeout_s=settings.upstream_timeout_s,
        retries=settings.upstream_retries,
        request_id=ticket.request_id,
        observers=(*observers, *((Relay(runs(), run_id),) if sampling.relay else ())),
    )


@shared_task(name="chorus.collect")
def collect(receipts: list[Receipt], run_id: str, number: int) -> None:
    """The chord's callback: all traces of a round have ended."""
    log.debug("run %s round %d: %d traces", run_id, number, len(receipts))
    with rounds().at_stake(run_id):
        rounds().close(run_id, number, Why.COMPLETE)


@shared_task(name="chorus.collect_broken")
def collect_broken(task_id: str, run_id: str, number: int) -> None:
    """The chord's callback when a sampling task raised: a bug of ours must not cost the other traces."""
    log.error("run %s round %d: a sampling task broke (callback %s)", run_id, number, task_id)
    with rounds().at_stake(run_id):
        rounds().close(run_id, number, Why.COMPLETE)


def publish(run_id: str, number: int, plan: StoredPlan) -> None:
    """Send a round to the workers as a chord, in pipelined writes of PUBLISHED_AT_ONCE traces.

    The canvas would subscribe to every trace and write them one by one: 426 ms for 512 traces
    instead of 84. The chord machinery behind is the same.
    """
    group = uuid()
    callback = collect.s(run_id, number)
    callback.link_error(collect_broken.s(run_id, number))
    callback.freeze()
    app.backend.set_chord_size(group, len(plan.which))
    with (
        app.producer_pool.acquire(block=True) as producer,
        producer.batch(max_size=PUBLISHED_AT_ONCE),
    ):
        for position, index in enumerate(plan.indexes):
            sample.apply_async(
                (run_id, number, index),
                producer=producer,
                group_id=group,
                group_index=position,
                chord=callback,
                ignore_result=True,
                add_to_parent=False,
            )
