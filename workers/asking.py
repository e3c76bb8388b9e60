"""Who hands a run in, and what he gets for it."""

from threading import Event
from typing import NamedTuple

from workers.access import EVERYTHING, Allowance


class Asker(NamedTuple):
    """Who asks, and how the same request is known when it comes again.

    `owner` is the id of the client's key, or a digest of one that has none; `body` is a digest of the
    request, `key` one of the client's Idempotency-Key; `again`: the client says that this is an automatic
    retry; `allowance`: what the client's key may do.
    """

    owner: str = ""
    body: str = ""
    key: str = ""
    again: bool = False
    request_id: str = ""
    allowance: Allowance = EVERYTHING


class Handed(NamedTuple):
    """A run that was handed in, now or before (`created_s`, epoch): `woken` is set when it has ended, for
    one who waits."""

    run_id: str
    woken: Event
    asker: Asker
    give_up_s: float = 0.0
    created_s: float = 0.0
