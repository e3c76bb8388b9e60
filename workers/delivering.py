"""One attempt at a webhook: signed as Standard Webhooks demands, sent to where the operator's settings say,
and nowhere else, whatever is written in the record.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import logging
import socket
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from ipaddress import ip_address

import httpx
from gevent import Timeout
from standardwebhooks import Webhook

from workers.deliveries import DELIVERED, FAILED, PENDING, Claim, Deliveries, Reply
from workers.endpoints import Endpoint, Endpoints, UnknownEndpoint
from workers.transport import Hooks, Transport
from workers.upstream import patience, tls

GONE = 410
UNLISTED = Reply(None, "not_listed")
DEFECT = Reply(None, "internal_error")
log = logging.getLogger(__name__)


class ForbiddenAddress(httpx.ConnectError):
    """An endpoint's name leads to an address that no endpoint has."""


class Courier:
    """Sends events. `waits_s` are the seconds before each further attempt."""

    def __init__(
        self, deliveries: Deliveries, endpoints: Endpoints, waits_s: Sequence[float], timeout_s: float
    ) -> None:
        self.deliveries = deliveries
        self.endpoints = endpoints
        self.waits_s = waits_s
        self.timeout_s = timeout_s

    def deliver(self, claim: Claim) -> None:
        """Make the attempt that a claim is for, and write down what came of it."""
        parcel = self.deliveries.take(claim)
        if parcel is None:
            return
        try:
            reply = self.send(claim.run_id, parcel.endpoint, parcel.event)
        except Exception:
            self.settle(claim.run_id, DEFECT, parcel.attempts)
            raise
        self.settle(claim.run_id, reply, parcel.attempts)

    def send(self, run_id: str, word: str, event: bytes) -> Reply:
        """What an endpoint answers to an event."""
        try:
            endpoint = self.endpoints.find(word)
        except UnknownEndpoint:
            return UNLISTED
        return posted(endpoint, f"msg_{run_id}", event, self.timeout_s)

    def settle(self, run_id: str, reply: Reply, attempts: int) -> None:
        """Write down an attempt, and when the next one is to be."""
        if reply.status is not None and 200 <= reply.status < 300:
            self.deliveries.settle(run_id, reply, DELIVERED)
            return
        log.warning("webhook of run %s: attempt %d: %s", run_id, attempts + 1, reply.status or reply.error)
        if attempts < len(self.waits_s) and reply.status != GONE and reply != UNLISTED:
            self.deliveries.settle(run_id, reply, PENDING, self.waits_s[attempts])
        else:
            self.deliveries.settle(run_id, reply, FAILED)


def posted(endpoint: Endpoint, message_id: str, event: bytes, timeout_s: float) -> Reply:
    """Send an event. Of the answer only the status is read; a redirect is one, and is not followed."""
    request = httpx.Request(
        "POST",
        endpoint.url,
        headers=headers_of(endpoint, message_id, event),
        content=event,
        extensions=patience(timeout_s),
    )
    transport = Transport(tls(), Hooks(connected=lambda line: check_peer(line, request.url.host)))
    try:
        # The transport's patience is for each read: an endpoint that drips bytes would have no end.
        with Timeout(timeout_s), closing(transport.handle_request(request)) as response:
            return Reply(response.status_code)
    except (Timeout, httpx.TimeoutException):
        return Reply(None, "timeout")
    except ForbiddenAddress:
        return Reply(None, "forbidden_address")
    except httpx.TransportError:
        return Reply(None, "unreachable")


def headers_of(endpoint: Endpoint, message_id: str, event: bytes) -> dict[str, str]:
    """The headers of an event, signed by each of the endpoint's secrets."""
    now = datetime.now(UTC)
    signatures = (Webhook(secret).sign(message_id, now, event.decode()) for secret in endpoint.secrets)
    return {
        "Content-Type": "application/json",
        "User-Agent": "chorus",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def check_peer(line: socket.socket, host: str) -> None:
    """Refuse what only a name server that was tampered with can say of an endpoint: an address of this
    machine, or one of its network's own services, unless the operator has listed just that."""
    peer = ip_address(line.getpeername()[0].partition("%")[0])
    address = getattr(peer, "ipv4_mapped", None) or peer
    local = address.is_loopback and not names_loopback(host)
    if local or address.is_link_local or address.is_multicast or address.is_unspecified:
        line.close()
        raise ForbiddenAddress("the endpoint's name leads to an address that no endpoint has")


def names_loopback(host: str) -> bool:
    """Whether a host as it is written is this machine."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
