"""The Celery tasks: begin a run, sample one trace, collect a round. Messages carry ids only."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any

from celery import shared_task
from celery.exceptions import Ignore, Reject
from celery.utils import uuid
from kombu.exceptions import BatchPublishError, OperationalError

from tts_core.model import Trace, Why
from workers.breaker import Breakers
from workers.call import Call
from workers.celery import app, settings
from workers.claims import Claims
from workers.gate import Gates
from workers.logs import job_id, request_id
from workers.observing import Relay, TokenCap
from workers.queues import control_of, queue_of
from workers.records import Arrival, Source
from workers.rounds import Rounds
from workers.runs import Runs
from workers.sampling import HandedBack, Sampled, defective, interrupted
from workers.sampling import sample as sample_trace
from workers.stopping import Stops, Watch
from workers.store import PATIENT, connect
from workers.telemetry import spans
from workers.turns import Turns

PUBLISHED_AT_ONCE = 64
STORE_CONNECTIONS = 64
log = logging.getLogger(__name__)

Receipt = list[Any]


@cache
def runs() -> Runs:
    """This process's view of the store; it waits for one that is away."""
    store = connect(settings.store_url, most=STORE_CONNECTIONS, tries=PATIENT)
    return Runs(store, settings.job_ttl_s, settings.longest_s)


@cache
def claims() -> Claims:
    """What this process has. Its name is not the node's: one that starts anew has nothing."""
    return Claims(runs(), uuid())


@cache
def stops() -> Stops:
    """This process's listener for stops."""
    return Stops(runs(), connect(settings.store_url, most=2, tries=0))


@cache
def turns() -> Turns:
    """This process's gates and breakers."""
    ears = connect(settings.store_url, most=2, tries=0)
    return Turns(Gates(runs().store, ears), Breakers(runs().store))


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
    job_id.set(run_id)
    with stops().watch(run_id, number, index) as watch:
        if stops().has(run_id, index, watch):
            raise Ignore
        arrival = claims().arrive(run_id, number, index)
        if arrival.holder:
            log.info("run %s trace %d came twice", run_id, index)
            raise Ignore
        if arrival.kept:
            return [index, arrival.kept.finish.value, arrival.kept.tokens]
        if arrival.plan is None or arrival.ticket is None:
            return [index, "skipped", 0]
        call = call_of(run_id, number, index, arrival)
        request_id.set(call.request_id)
        try:
            with tracing(run_id, call) as tell:
                trace, text, confidences = sampled(call, watch)
                tell(trace)
        except HandedBack as handed:
            claims().hand_back(run_id, index, handed.carried)
            log.info("run %s trace %d is handed back", run_id, index)
            raise Reject(requeue=True) from handed
        runs().keep(run_id, trace, text, confidences)
    rounds().stop_if_decided(run_id, number)
    if trace.fault:
        log.warning(
            "run %s trace %d failed after %d attempts: %s",
            run_id, index, trace.attempts, trace.fault.message,
        )  # fmt: skip
    return [index, trace.finish.value, trace.tokens]


@contextmanager
def tracing(run_id: str, call: Call) -> Iterator[Callable[[Trace], None]]:
    """A trace's span, if anybody wants to know; gives what is to be told of the trace."""
    if told := spans():
        with told.trace(runs().store, run_id, call.number, call.index) as tell:
            yield tell
    else:
        yield lambda _: None


def sampled(call: Call, watch: Watch) -> Sampled:
    """The trace; a failed one when we have a bug, which must cost neither the run nor its other traces.

    Raises HandedBack.
    """
    if call.lost and call.sampling.relay:
        return interrupted(call)
    try:
        return sample_trace(call, watch)
    except HandedBack:
        raise
    except Exception:
        log.exception("trace %d could not be sampled", call.index)
        return defective(call)


def call_of(run_id: str, number: int, index: int, arrival: Arrival) -> Call:
    """The upstream call of a trace that is to be sampled."""
    assert arrival.plan  # noqa: S101 - says so to the type checker
    assert arrival.ticket  # noqa: S101
    sampling, ticket = arrival.plan.sampling(index), arrival.ticket
    served = settings.upstreams.route(sampling.model)
    upstream = settings.scorer(sampling.scorer) if sampling.scorer else served
    cap = ticket.max_total_tokens
    stop = partial(runs().stop, run_id, Why.TOKEN_CAP)
    observers = (TokenCap(runs(), run_id, cap, stop),) if cap else ()
    return Call(
        sampling=sampling,
        index=index,
        number=number,
        deadline_s=ticket.deadline_s,
        upstream=upstream,
        others=settings.upstreams.instead_of(upstream, sampling.model),
        turns=turns(),
        batch=ticket.source is Source.BATCH,
        timeout_s=settings.upstream_timeout_s,
        retries=settings.upstream_retries,
        request_id=ticket.request_id,
        carried=arrival.carried,
        lost=arrival.lost,
        observers=(*observers, *((Relay(runs(), run_id),) if sampling.relay else ())),
    )


@shared_task(name="chorus.collect")
def collect(receipts: list[Receipt], run_id: str, number: int) -> None:
    """The chord's callback: all traces of a round have ended."""
    log.debug("run %s round %d: %d traces", run_id, number, len(receipts))
    with rounds().at_stake(run_id):
        rounds().collected(run_id, number)


@shared_task(name="chorus.collect_broken")
def collect_broken(task_id: str, run_id: str, number: int) -> None:
    """The chord's callback when a sampling task raised: a bug of ours must not cost the other traces."""
    log.error("run %s round %d: a sampling task broke (callback %s)", run_id, number, task_id)
    with rounds().at_stake(run_id):
        rounds().close(run_id, number, Why.COMPLETE)


def publish(run_id: str, number: int, indexes: Sequence[int]) -> None:
    """Send traces of a round to the workers as a chord, in pipelined writes of PUBLISHED_AT_ONCE.

    The canvas would subscribe to every trace and write them one by one: 426 ms for 512 traces
    instead of 84. The chord machinery behind is the same.
    """
    group = uuid()
    source = runs().ticket(run_id).source
    callback = collect.s(run_id, number).set(queue=control_of(source))
    callback.link_error(collect_broken.s(run_id, number).set(queue=control_of(source)))
    callback.freeze()
    queue = queue_of(source)
    app.backend.set_chord_size(group, len(indexes))
    with batch() as producer:
        for position, index in enumerate(indexes):
            sample.apply_async(
                (run_id, number, index),
                producer=producer,
                queue=queue,
                group_id=group,
                group_index=position,
                chord=callback,
                ignore_result=True,
                add_to_parent=False,
            )


@contextmanager
def batch() -> Iterator[Any]:
    """A producer of pipelined messages. Raises OperationalError when Redis went away under it, which
    kombu says in a class of its own: it cannot know which messages have arrived."""
    try:
        with (
            app.producer_pool.acquire(block=True) as producer,
            producer.batch(max_size=PUBLISHED_AT_ONCE),
        ):
            yield producer
    except BatchPublishError as error:
        raise OperationalError(str(error)) from error.__cause__
