"""OpenTelemetry's spans: a request, its run, the rounds, the traces, the calls to the upstream.

Off, and not even imported, unless the standard variable names a collector. What belongs together is known
by what is carried with the run in Redis: messages hold ids only.
"""

import os
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any

from workers import keys

if TYPE_CHECKING:
    from workers.telemetry_spans import Spans

COLLECTORS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
FIELD = "traceparent"
outgoing: ContextVar[str] = ContextVar("outgoing", default="")


def is_wanted() -> bool:
    """Whether the environment names a collector and does not say that nothing is to be sent."""
    named = any(os.environ.get(name) for name in COLLECTORS)
    return named and os.environ.get("OTEL_SDK_DISABLED", "").lower() != "true"


@cache
def spans() -> "Spans | None":
    """This process's spans; None when there are to be none.

    Called first after a process has forked. Raises ImportError where the extra is missing.
    """
    if not is_wanted():
        return None
    from workers.telemetry_spans import Spans  # noqa: PLC0415 - an extra

    return Spans()


def carry(store: Any, run_id: str) -> None:
    """Write down with a run within which span it was handed in."""
    if parent := outgoing.get():
        store.hset(keys.run(run_id), FIELD, parent)
