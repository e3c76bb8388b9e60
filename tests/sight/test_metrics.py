"""GET /metrics of a whole service: what it says is what has happened, in whichever process."""

import time
from collections.abc import Callable

import httpx
from chaos.faults import Fleet, until
from scripted_upstream import ScriptedUpstream, error, text
from service import Service
from sight.conftest import Scrape
from sight.reading import KEY, TOKEN, Numbers, ask

from workers.metrics_calls import FLUSH_S

CHAT = "/v1/chat/completions"


def grown(before: Numbers, after: Numbers) -> Callable[..., float]:
    """By how much numbers have grown."""
    return lambda name, **labels: after.total(name, **labels) - before.total(name, **labels)


def until_grown(scrape: Scrape, before: Numbers, by: dict[str, int]) -> Callable[..., float]:
    """Scrape until counters, to which each worker adds once a second, have grown by so much."""

    def reached() -> Callable[..., float] | None:
        more = grown(before, scrape())
        return more if all(more(name) >= amount for name, amount in by.items()) else None

    return until(reached, timeout_s=10)


def at_rest(scrape: Scrape) -> Numbers:
    """All numbers once every worker has added what it had."""

    def unchanged() -> Numbers | None:
        before = scrape()
        time.sleep(1.5 * FLUSH_S)
        more = grown(before, after := scrape())
        return None if more("chorus_upstream_first_token_seconds_count") else after

    return until(unchanged, timeout_s=10)


def test_all_numbers_are_those_that_clients_and_upstream_have_seen(
    service: Service, upstream: ScriptedUpstream, scrape: Scrape
) -> None:
    before = at_rest(scrape)
    answers = [ask(service).json() for _ in range(8)]
    calls = len(upstream.calls)
    assert calls == 24
    more = until_grown(scrape, before, {"chorus_upstream_first_token_seconds_count": calls})
    spent = [answer["usage"] for answer in answers]
    assert more("chorus_http_requests_total", route=CHAT, method="POST", status="200") == 8
    assert more("chorus_http_request_duration_seconds_count", route=CHAT) == 8
    assert more("chorus_runs_total", strategy="self_consistency", outcome="answered") == 8
    assert more("chorus_run_duration_seconds_count", strategy="self_consistency") == 8
    assert more("chorus_traces_total", finish="stop", stop="none") == calls
    assert more("chorus_upstream_calls_total") == calls
    assert more("chorus_upstream_first_token_seconds_count") == calls
    assert more("chorus_completion_tokens_total") == sum(u["completion_tokens"] for u in spent)
    assert more("chorus_prompt_tokens_total") == sum(u["prompt_tokens"] for u in spent)
    assert more("chorus_agreement_bucket", le="0.9") == 0
    assert more("chorus_agreement_bucket", le="1.0") == 8
    assert more("chorus_upstream_errors_total") == 0


def test_a_failed_call_is_counted_by_its_kind_and_its_retry_too(
    service: Service, upstream: ScriptedUpstream, scrape: Scrape
) -> None:
    before = scrape()
    upstream.reply = lambda call: error(429, retry_after="0") if call.index == 0 else text("\\boxed{1}")
    assert ask(service, tts_strategy="single").status_code == 200
    counted = {"chorus_upstream_errors_total": 1, "chorus_upstream_calls_total": 2}
    more = until_grown(scrape, before, counted)
    assert more("chorus_upstream_calls_total", upstream="custom") == 2
    assert more("chorus_upstream_errors_total", upstream="custom", kind="busy") == 1
    assert more("chorus_retries_total") == 1


def test_a_call_that_we_broke_off_has_not_failed(
    service: Service, upstream: ScriptedUpstream, scrape: Scrape
) -> None:
    before = scrape()
    upstream.reply = lambda call: text("so on and on " * 50, token_s=0.1)
    ask(service, tts_deadline_s=3)
    more = until_grown(scrape, before, {"chorus_upstream_calls_total": 3})
    assert more("chorus_traces_total", finish="stopped", stop="deadline") == 3
    assert more("chorus_runs_total", stopped_by="deadline", outcome="failed") == 1
    assert more("chorus_upstream_errors_total") == 0


def test_a_stream_is_counted_when_it_has_ended(
    service: Service, upstream: ScriptedUpstream, scrape: Scrape
) -> None:
    before = scrape()
    assert ask(service, stream=True).text.endswith("data: [DONE]\n\n")
    counted = before.total("chorus_http_requests_total", route=CHAT) + 1
    after = until(
        lambda: (found := scrape()).total("chorus_http_requests_total", route=CHAT) >= counted and found
    )
    assert after.total("chorus_http_requests_in_progress") == 1


def test_what_a_killed_web_process_has_counted_stays(
    service: Service, upstream: ScriptedUpstream, scrape: Scrape
) -> None:
    before = scrape()
    for _ in range(6):
        httpx.get(f"{service.url}/health")
    fleet = Fleet(service, 1)
    killed = fleet.web_workers
    for process in killed:
        process.kill()
    until(lambda: len(now := fleet.web_workers) == 2 and not set(now) & set(killed))
    after = until(lambda: _scraped(scrape))
    assert grown(before, after)("chorus_http_requests_total", route="/health") == 6
    assert after.total("chorus_http_requests_in_progress") == 1


def _scraped(scrape: Scrape) -> Numbers | None:
    try:
        return scrape()
    except httpx.TransportError:
        return None


def test_workers_and_queues_are_told(service: Service, scrape: Scrape) -> None:
    found = scrape()
    assert [found.total("chorus_workers", queue=name) for name in ("control", "sample", "batch")] == [
        1,
        1,
        1,
    ]
    assert found.total("chorus_worker_slots", queue="sample") == 400
    assert found.total("chorus_worker_heartbeat_age_seconds", queue="sample") < 10
    assert found["chorus_queue_messages", (("queue", "sample"),)] == 0
    assert found.total("chorus_store_up") == 1


def test_nothing_that_a_client_says_becomes_a_label(
    service: Service, upstream: ScriptedUpstream, scrape: Scrape
) -> None:
    said = "said-by-the-client"
    ask(service, model=said, user=said)
    httpx.get(f"{service.url}/{said}")
    httpx.request(said.upper(), f"{service.url}/health")
    httpx.get(f"{service.url}/v1/jobs/{said}", headers={"Authorization": f"Bearer {KEY}"})
    values = {value for _, labels in scrape() for _, value in labels}
    assert not {value for value in values if said in value.lower()}
    assert {"unmatched", "OTHER", "/v1/jobs/<job_id>"} <= values


def test_a_clients_key_does_not_open_the_numbers(service: Service) -> None:
    for word in (KEY, "", TOKEN[:-1]):
        answer = httpx.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {word}".strip()})
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "metrics_refused"


def test_prometheus_is_answered_in_the_format_that_it_asks_for(service: Service) -> None:
    headers = {
        "Authorization": f"Bearer {TOKEN}",
        "Accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
    }
    answer = httpx.get(f"{service.url}/metrics", headers=headers)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
