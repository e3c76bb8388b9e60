"""The spans themselves. Those of runs and rounds are told at their end, by whoever ends them; their ids
follow from the run's, so that what happens within them elsewhere knows its parent."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from hashlib import sha256
from typing import Any

import httpx
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AnyValue

from tts_core.errors import UpstreamError
from tts_core.model import Trace
from tts_core.tracing import TraceBuilder
from workers import keys
from workers.call import Call
from workers.records import Closing, Ending, Run
from workers.stopping import Watch
from workers.telemetry import FIELD, outgoing

W3C = TraceContextTextMapPropagator()
Facts = dict[str, AnyValue]
Tell = Callable[[Trace], None]
NANO = 1_000_000_000
chosen: ContextVar[tuple[int, int] | None] = ContextVar("chosen", default=None)


class Ids(RandomIdGenerator):
    """Ids of trace and span: those that were chosen, else random ones."""

    def generate_trace_id(self) -> int:
        found = chosen.get()
        return found[0] if found else super().generate_trace_id()

    def generate_span_id(self) -> int:
        found = chosen.get()
        return found[1] if found else super().generate_span_id()


class Spans:
    """What this process tells the collector that the OTEL_ variables name, in the background."""

    def __init__(self) -> None:
        self.provider = TracerProvider(
            id_generator=Ids(), resource=Resource.create({"service.name": "chorus"})
        )
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self.tracer = self.provider.get_tracer("chorus")
        self.origin = lru_cache(maxsize=1024)(self._origin)

    def _origin(self, store: Any, run_id: str) -> tuple[SpanContext, bool]:
        """The span within which a run was handed in; False for one that a trace begins with."""
        carried = store.hget(keys.run(run_id), FIELD)
        parent = get_current_span(
            W3C.extract({FIELD: carried.decode() if carried else ""})
        ).get_span_context()
        if parent.is_valid:
            return parent, True
        trace_id = int(run_id, 16)
        sampled = self.provider.sampler.should_sample(None, trace_id, "run").decision.is_sampled()
        flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
        return SpanContext(trace_id, 1, is_remote=True, trace_flags=flags), False

    def within(self, store: Any, run_id: str, *part: int) -> Context:
        """What happens in a run, or in one of its rounds."""
        origin, _ = self.origin(store, run_id)
        inside = SpanContext(origin.trace_id, id_of(run_id, *part), True, origin.trace_flags)
        return set_span_in_context(NonRecordingSpan(inside))

    def asked(self, headers: Mapping[str, str], name: str, facts: Facts) -> Span:
        """A request that has come; what follows in this context happens within it."""
        parent = W3C.extract({key.lower(): value for key, value in headers.items()}, Context())
        span = self.tracer.start_span(name, parent, SpanKind.SERVER, facts)
        outgoing.set(written(span))
        return span

    def run_ended(self, store: Any, run_id: str, ending: Ending) -> None:
        """A run from its submission to its end."""
        origin, is_within = self.origin(store, run_id)
        facts: Facts = {
            "chorus.job_id": run_id,
            "chorus.strategy": ending.strategy,
            "chorus.stopped_by": ending.why.value,
            "chorus.rounds": ending.rounds,
            "chorus.traces": len(ending.traces),
            "chorus.saved_tokens": ending.saved_tokens,
            "gen_ai.usage.input_tokens": ending.usage.prompt_tokens,
            "gen_ai.usage.output_tokens": ending.usage.completion_tokens,
        }
        parent = set_span_in_context(NonRecordingSpan(origin)) if is_within else Context()
        fault = ending.fault.error if ending.fault else ""
        began_s = time.time() - ending.elapsed_s
        self.tell("run", parent, (origin.trace_id, id_of(run_id)), began_s, facts, fault)

    def round_closed(self, store: Any, run_id: str, run: Run, closing: Closing) -> None:
        """A round from its sending to its closing."""
        number = len(run.closings)
        ids = self.origin(store, run_id)[0].trace_id, id_of(run_id, number)
        facts: Facts = {
            "chorus.job_id": run_id,
            "chorus.round": number,
            "chorus.traces": len(closing.traces),
            "chorus.stopped_by": closing.why.value,
        }
        began_s = run.sent_s.get(number, time.time())
        self.tell("round", self.within(store, run_id), ids, began_s, facts)

    def tell(
        self,
        name: str,
        parent: Context,
        ids: tuple[int, int],
        began_s: float,
        facts: Facts,
        fault: str = "",
    ) -> None:
        """A span that ends now, under ids that were known before."""
        token = chosen.set(ids)
        try:
            span = self.tracer.start_span(name, parent, attributes=facts, start_time=int(began_s * NANO))
        finally:
            chosen.reset(token)
        blame(span, fault)
        span.end()

    @contextmanager
    def trace(self, store: Any, run_id: str, number: int, index: int) -> Iterator[Tell]:
        """A trace that is sampled in this block; gives what is to be told of it."""
        facts: Facts = {"chorus.job_id": run_id, "chorus.round": number, "chorus.trace": index}
        parent = self.within(store, run_id, number)
        with self.tracer.start_as_current_span(
            "trace", parent, attributes=facts, record_exception=False, set_status_on_exception=False
        ) as span:
            yield lambda trace: span.set_attributes(facts_of(trace))

    @contextmanager
    def call(self, call: Call, builder: TraceBuilder, watch: Watch) -> Iterator[None]:
        """A call to the upstream, which is told of the span within which it happens."""
        url, model = httpx.URL(call.upstream.base_url), call.upstream.name_of(call.sampling.model)
        facts: Facts = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": call.upstream.name,
            "gen_ai.request.model": model,
            "server.address": url.host,
            "server.port": url.port or (443 if url.scheme == "https" else 80),
        }
        span = self.tracer.start_span(f"chat {model}", kind=SpanKind.CLIENT, attributes=facts)
        token = outgoing.set(written(span))
        try:
            with use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
                yield
        except UpstreamError as error:
            if not watch.stopped.is_set():
                blame(span, type(error).__name__)
            raise
        finally:
            outgoing.reset(token)
            span.set_attributes(result_of(builder))
            span.end()


def result_of(builder: TraceBuilder) -> dict[str, Any]:
    """What came of a call; nothing of what was said."""
    usage = builder.usage
    found: dict[str, Any] = {
        "gen_ai.usage.output_tokens": usage.completion_tokens if usage else builder.counted_tokens
    }
    if usage:
        found["gen_ai.usage.input_tokens"] = usage.prompt_tokens
    if builder.finish:
        found["gen_ai.response.finish_reasons"] = [builder.finish]
    return found


def facts_of(trace: Trace) -> dict[str, Any]:
    """What became of a trace."""
    stop = {"chorus.stop_reason": trace.stop.value} if trace.stop else {}
    return {"chorus.finish": trace.finish.value, "chorus.attempts": trace.attempts, **stop}


def blame(span: Span, fault: str) -> None:
    """Say by what class of error a span has failed, if by any."""
    if fault:
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", fault)


def id_of(run_id: str, *part: int) -> int:
    """The id of the span of a run, or of one of its rounds."""
    return int.from_bytes(sha256(":".join(map(str, (run_id, *part))).encode()).digest()[:8], "big") or 1


def written(span: Span) -> str:
    """A span as the header `traceparent` names it."""
    carrier: dict[str, str] = {}
    W3C.inject(carrier, set_span_in_context(span, Context()))
    return carrier.get(FIELD, "")
