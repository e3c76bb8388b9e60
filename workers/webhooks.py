"""Webhooks in the control worker: those that are due become tasks, a few at a time, so that endpoints which
hang can never take the places that votes need. Messages carry ids only.
"""

from functools import cache

from celery import shared_task

from workers.celery import settings
from workers.deliveries import Claim, Deliveries
from workers.delivering import Courier
from workers.endpoints import read_endpoints, waits_of
from workers.queues import CONTROL
from workers.tasks import runs


@cache
def deliveries() -> Deliveries:
    """The record of webhooks."""
    return Deliveries(runs().store, settings.job_ttl_s, settings.webhook_timeout_s)


@cache
def courier() -> Courier:
    """What sends them."""
    return Courier(deliveries(), read_endpoints(settings), waits_of(settings), settings.webhook_timeout_s)


@shared_task(name="chorus.deliver")
def deliver(run_id: str, claim: int) -> None:
    """Make one attempt at the webhook of a run, unless the claim has lapsed."""
    courier().deliver(Claim(run_id, claim))


def hand_out() -> None:
    """Have those webhooks sent whose time has come."""
    for claim in deliveries().claim():
        deliver.apply_async(claim, queue=CONTROL)
