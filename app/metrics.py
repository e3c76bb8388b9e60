"""What the web processes count: requests by route, method and status, how long they took, how many go on.

All processes of one `chorus serve` count in one folder of memory-mapped files, so that each of them can
tell the sum; what a process has counted outlives it.
"""

import os
import time

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client when it is imported
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
BOUNDS_S = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600)
HTTP = CollectorRegistry()
REQUESTS = Counter(
    "chorus_http_requests", "Requests that were answered.", ["route", "method", "status"], registry=HTTP
)
DURATION_S = Histogram(
    "chorus_http_request_duration_seconds",
    "From a request's first line to its answer; to the last byte of a stream.",
    ["route", "method"],
    registry=HTTP,
    buckets=BOUNDS_S,
)
GOING_ON = Gauge(
    "chorus_http_requests_in_progress",
    "Requests that are being answered.",
    registry=HTTP,
    multiprocess_mode="livesum",
)


def counted() -> CollectorRegistry:
    """What all web processes have counted; this one alone where it was not started by `chorus serve`."""
    if FOLDER not in os.environ:
        return HTTP
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return registry


def register(app: Flask) -> None:
    """Count every request."""
    app.before_request(begin)
    app.after_request(follow)


def begin() -> None:
    """A request has come."""
    g.counted_from_s = time.monotonic()
    GOING_ON.inc()


def follow(response: Response) -> Response:
    """Count a request now, or when its stream has ended."""
    route = request.url_rule.rule if request.url_rule else "unmatched"
    method = request.method if request.method in METHODS else "OTHER"
    status, began_s = str(response.status_code), g.counted_from_s

    def end() -> None:
        GOING_ON.dec()
        REQUESTS.labels(route, method, status).inc()
        DURATION_S.labels(route, method).observe(time.monotonic() - began_s)

    if response.is_streamed:
        response.call_on_close(end)
    else:
        end()
    return response
