"""Clients with keys of their own, for tests."""

from typing import Any

from jobs import Jobs
from openai import OpenAI
from service import Service

from workers.access import AccessKeys, Allowance
from workers.store import connect


def made_for(service: Service, *, expires_s: float | None = None, **limits: Any) -> str:
    """What the client of a new key sends."""
    with connect(service.store_url, most=1) as store:
        return AccessKeys(store).create("test", Allowance(**limits), expires_s)[1]


def client_of(service: Service, **limits: Any) -> OpenAI:
    """The official SDK with a new key; it does not retry."""
    return OpenAI(base_url=service.base_url, api_key=made_for(service, **limits), max_retries=0)


def jobs_of(service: Service, **limits: Any) -> Jobs:
    """The jobs of a new key."""
    return Jobs(service.url, made_for(service, **limits))
