"""Spans of a whole service, as a collector gets them: one trace from the client to the upstream."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from chaos.faults import until
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from scripted_upstream import ScriptedUpstream, error, text
from service import Service, running

PROMPT = "what the client would rather keep to itself"
TRACE, CLIENT_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Collector(ThreadingHTTPServer):
    """Takes spans by OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.spans: list[Span] = []
        self.raw = b""

    def of(self, trace_id: str) -> dict[str, list[Span]]:
        """The spans of a trace, by name."""
        found: dict[str, list[Span]] = {}
        for span in self.spans:
            if span.trace_id.hex() == trace_id:
                found.setdefault(span.name, []).append(span)
        return found


class Taking(BaseHTTPRequestHandler):
    """One export."""

    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.server.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.server.raw += body
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing to say."""


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A collector that listens."""
    with Collector() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def traced(
    collector: Collector, upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that tells the collector."""
    settings = {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "DEFAULT_MODEL": "m",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    with running(tmp_path_factory.mktemp("traced"), settings) as found:
        yield found


@pytest.fixture(autouse=True)
def counted() -> None:
    """Nothing is counted here."""


def ask(service: Service, flags: str = "01", trace: str = TRACE) -> httpx.Response:
    """A question within a span of the client's."""
    body = {"model": "m", "messages": [{"role": "user", "content": PROMPT}], "tts_budget": 2}
    headers = {"traceparent": f"00-{trace}-{CLIENT_SPAN}-{flags}"}
    url = f"{service.url}/v1/self_consistency/chat/completions"
    return httpx.post(url, json=body, headers=headers, timeout=60)


def values(span: Span) -> dict[str, Any]:
    """A span's attributes."""
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


def test_all_that_a_request_causes_is_one_trace_from_the_client_to_the_upstream(
    traced: Service, collector: Collector, upstream: ScriptedUpstream
) -> None:
    spent = ask(traced).json()["usage"]
    route = "POST /v1/<strategy>/chat/completions"
    found = until(lambda: len(spans := collector.of(TRACE)) == 5 and "run" in spans and spans, timeout_s=10)
    (asked,), (run,), (round_,) = found[route], found["run"], found["round"]
    traces, calls = found["trace"], found["chat m"]
    assert asked.parent_span_id.hex() == CLIENT_SPAN
    assert run.parent_span_id == asked.span_id
    assert round_.parent_span_id == run.span_id
    assert {trace.parent_span_id for trace in traces} == {round_.span_id}
    assert {call.parent_span_id for call in calls} == {trace.span_id for trace in traces}
    sent = {call.headers["traceparent"] for call in upstream.calls}
    assert sent == {f"00-{TRACE}-{call.span_id.hex()}-01" for call in calls}
    assert values(run)["gen_ai.usage.output_tokens"] == spent["completion_tokens"]
    assert sum(values(call)["gen_ai.usage.output_tokens"] for call in calls) == spent["completion_tokens"]
    assert run.start_time_unix_nano <= round_.start_time_unix_nano <= traces[0].start_time_unix_nano


def test_a_failed_call_tells_its_kind_and_no_message(
    traced: Service, collector: Collector, upstream: ScriptedUpstream
) -> None:
    trace = f"1{TRACE[1:]}"
    upstream.reply = lambda call: error(400, message=f"I do not like: {PROMPT}")
    ask(traced, trace=trace)
    found = until(lambda: "run" in (spans := collector.of(trace)) and "chat m" in spans and spans)
    assert values(found["chat m"][0])["error.type"] == "UpstreamRefused"
    assert values(found["run"][0])["error.type"] == "UpstreamRefused"
    assert PROMPT.encode() not in collector.raw


def test_a_client_that_does_not_sample_is_heeded(
    traced: Service, collector: Collector, upstream: ScriptedUpstream
) -> None:
    unwanted, wanted = f"2{TRACE[1:]}", f"3{TRACE[1:]}"
    ask(traced, flags="00", trace=unwanted)
    ask(traced, trace=wanted)
    until(lambda: "run" in collector.of(wanted))
    assert collector.of(unwanted) == {}
    assert {call.headers["traceparent"][-2:] for call in upstream.calls} == {"00", "01"}


def test_nothing_of_a_question_or_its_answer_is_told(
    traced: Service, collector: Collector, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda call: text("what the model has answered: \\boxed{4}")
    trace = f"4{TRACE[1:]}"
    ask(traced, trace=trace)
    until(lambda: "run" in collector.of(trace))
    assert PROMPT.encode() not in collector.raw
    assert b"what the model has answered" not in collector.raw


def test_without_a_collector_spans_are_not_even_imported() -> None:
    import os
    import subprocess
    import sys

    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    code = (
        "import sys, workers.life, app; app.create_app(); print('workers.telemetry_spans' in sys.modules)"
    )
    said = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert said == "False\n"
