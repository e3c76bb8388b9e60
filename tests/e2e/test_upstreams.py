"""Several upstreams behind one service with two sampling processes."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from asking import QUESTION, post
from scripted_upstream import Call, ScriptedUpstream, cut, drop, error, raw, text
from service import Service, running

KEYS = {"FIRST_KEY": "sk-first-secret", "SECOND_KEY": "sk-second-secret"}
LIMIT = 5
RUN = {"tts_strategy": "self_consistency"}
FILE = """
[upstreams.first]
base_url = "{first}"
api_key_env = "FIRST_KEY"
models = ["m", "shared", "narrow", "xargs"]
fallbacks = ["second"]
vllm_xargs = true
breaker_failures = 3
breaker_pause_s = 1.0
price.default = {{ prompt = 1.0, completion = 1000.0 }}

[upstreams.second]
base_url = "{second}"
api_key_env = "SECOND_KEY"
models = ["second/*"]
drops_prefix = "second/"
aliases = {{ shared = "other" }}
max_concurrency = {limit}
price.default = {{ prompt = 2.0, completion = 2000.0 }}
"""


def plainly(_call: Call) -> Any:
    return text("The answer is \\boxed{42}.")


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[ScriptedUpstream, ScriptedUpstream]]:
    with ScriptedUpstream() as first, ScriptedUpstream() as second:
        yield first, second


@pytest.fixture(scope="module")
def both(
    servers: tuple[ScriptedUpstream, ScriptedUpstream], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service over both."""
    folder = tmp_path_factory.mktemp("both")
    file = folder / "upstreams.toml"
    file.write_text(FILE.format(first=servers[0].base_url, second=servers[1].base_url, limit=LIMIT))
    settings = {
        "UPSTREAMS_FILE": str(file),
        "DEFAULT_MODEL": "m",
        "UPSTREAM_RETRIES": "1",
        "WORKERS": "2",
        "PROBE_MODELS": "0",
        **KEYS,
    }
    servers[1].models = ["large", "other"]
    with running(folder, settings) as found:
        yield found


@pytest.fixture
def first(both: Service, servers: tuple[ScriptedUpstream, ScriptedUpstream]) -> ScriptedUpstream:
    return fresh(both, "first", servers[0])


@pytest.fixture
def second(both: Service, servers: tuple[ScriptedUpstream, ScriptedUpstream]) -> ScriptedUpstream:
    return fresh(both, "second", servers[1])


def fresh(service: Service, name: str, upstream: ScriptedUpstream) -> ScriptedUpstream:
    """An upstream without a past: its breaker is closed, and it serves."""
    with redis.Redis.from_url(service.store_url) as store:
        store.delete(f"chorus:breaker:{name}", f"chorus:breaker:{name}:probe")
    upstream.reset()
    upstream.reply = plainly
    return upstream


def told(answer: httpx.Response) -> dict[str, Any]:
    """Its metadata."""
    assert answer.status_code == 200, answer.text
    metadata: dict[str, Any] = answer.json()["choices"][0]["tts_metadata"]
    return metadata


def served_by(answer: httpx.Response) -> list[str]:
    return [trace["upstream"] for trace in told(answer)["traces"]]


def at_once(calls: list[Call]) -> int:
    """The most calls that ran at one moment, as the upstream saw them."""
    moments = [(call.started_s, 1) for call in calls]
    moments += [(call.ended_s, -1) for call in calls if call.ended_s is not None]
    running_now = most = 0
    for _, change in sorted(moments):
        running_now += change
        most = max(most, running_now)
    return most


def test_each_model_is_asked_of_its_own_upstream_with_its_own_key(
    both: Service, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    post(both.url, model="m", tts_budget=2, **RUN).raise_for_status()
    post(both.url, model="second/large", tts_budget=3, **RUN).raise_for_status()
    assert [len(first.calls), len(second.calls)] == [2, 3]
    assert {call.body["model"] for call in second.calls} == {"large"}
    assert {call.headers["authorization"] for call in first.calls} == {"Bearer sk-first-secret"}
    assert {call.headers["authorization"] for call in second.calls} == {"Bearer sk-second-secret"}


def test_all_models_are_listed_and_one_upstream_that_is_down_does_not_empty_the_list(
    both: Service, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    def listed() -> set[str]:
        return {model["id"] for model in httpx.get(f"{both.url}/v1/models").json()["data"]}

    assert {"m", "shared", "second/large", "second/other"} <= listed()
    second.close_port()
    with redis.Redis.from_url(both.store_url) as store:
        store.delete("chorus:models:second")
    try:
        assert {"m", "shared"} <= listed()
        parts = httpx.get(f"{both.url}/ready").json()["parts"]["upstream"]["each"]
        assert (parts["first"]["status"], parts["second"]["status"]) == ("ok", "failed")
    finally:
        second.open_port()
        with redis.Redis.from_url(both.store_url) as store:
            store.delete("chorus:models:second")


def test_a_model_is_checked_against_the_list_of_its_own_upstream(
    both: Service, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    assert post(both.url, model="second/none").status_code == 404
    assert post(both.url, model="large").status_code == 404


def test_a_trace_goes_to_the_fallback_when_its_upstream_is_away(
    both: Service, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    first.reply = lambda call: drop() if call.index < 2 else plainly(call)
    answer = post(both.url, model="shared", tts_budget=4, tts_include_traces=True, **RUN)
    assert sorted(served_by(answer)) == ["first", "first", "second", "second"]
    assert {call.body["model"] for call in second.calls} == {"other"}
    assert any("'second' was asked: 'first'" in warning for warning in told(answer)["warnings"])
    cost = answer.json()["usage"]["cost"]
    assert cost == pytest.approx(price_of(answer))
    assert float(answer.headers["x-chorus-cost"]) == pytest.approx(cost)


def price_of(answer: httpx.Response) -> float:
    """What its traces cost by the table of the test."""
    factor = {"first": 1.0, "second": 2.0}
    return sum(
        factor[trace["upstream"]]
        * (trace["usage"]["prompt_tokens"] + 1000 * trace["usage"]["completion_tokens"])
        / 1e6
        for trace in told(answer)["traces"]
    )


def test_a_busy_upstream_is_asked_again_before_the_fallback(
    both: Service, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    first.reply = lambda _call: error(429, retry_after=0)
    answer = post(both.url, model="shared", tts_budget=1, tts_include_traces=True, **RUN)
    assert served_by(answer) == ["second"]
    assert [len(first.calls), len(second.calls)] == [2, 1]


def test_a_refusal_is_final(both: Service, first: ScriptedUpstream, second: ScriptedUpstream) -> None:
    first.reply = lambda _call: error(400, message="no")
    assert post(both.url, model="shared", tts_budget=1, **RUN).status_code == 400
    assert second.calls == []


def test_a_stream_that_a_client_reads_already_does_not_change_its_upstream(
    both: Service, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    first.reply = lambda _call: cut(3, token_s=0.05)
    body = {"model": "shared", "messages": QUESTION, "stream": True, "tts_strategy": "single"}
    answer = httpx.post(f"{both.url}/v1/chat/completions", json=body, timeout=30)
    assert "upstream_unreachable" in answer.text
    assert second.calls == []


def test_an_upstream_that_keeps_failing_is_left_alone_and_found_again_by_one_call(
    both: Service, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    first.reply = lambda _call: drop()
    assert post(both.url, model="m", tts_budget=4, **RUN).status_code in (502, 503)
    before = len(first.calls)
    answer = post(both.url, model="m", tts_budget=8, **RUN)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "upstream_down"
    assert int(answer.headers["Retry-After"]) >= 1
    assert len(first.calls) < before + 8
    state = httpx.get(f"{both.url}/ready").json()["parts"]["upstream"]["each"]["first"]["breaker"]
    assert state in ("open", "half_open")
    first.reply = plainly
    for _ in range(100):
        if post(both.url, model="m", tts_budget=1, **RUN).status_code == 200:
            break
    assert (
        httpx.get(f"{both.url}/ready").json()["parts"]["upstream"]["each"]["first"]["breaker"] == "closed"
    )


def test_no_more_calls_than_allowed_run_at_once_over_all_workers(
    both: Service, second: ScriptedUpstream
) -> None:
    second.reply = lambda _call: text("The answer is \\boxed{42}.", token_s=0.03)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(post, both.url, model="second/large", tts_budget=8, **RUN) for _ in range(4)]
        for answer in asked:
            assert told(answer.result())["traces_failed"] == 0
    assert len(second.calls) == 32
    assert at_once(second.calls) == LIMIT


def test_a_killed_worker_gives_its_places_back(both: Service, second: ScriptedUpstream) -> None:
    second.reply = lambda _call: text("word " * 30 + "\\boxed{42}", token_s=0.1)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(post, both.url, model="second/large", tts_budget=12, **RUN)
        second.wait_for(lambda calls: len(calls) == LIMIT)
        os.kill(sampler_of(both), signal.SIGKILL)
        assert told(asked.result(60))["traces_failed"] == 0
    assert at_once(second.calls) <= LIMIT
    with redis.Redis.from_url(both.store_url) as store:
        assert store.zcard("chorus:gate:second:held") == 0


def sampler_of(service: Service) -> int:
    """The process id of one of the sampling workers."""
    alive = httpx.get(f"{service.url}/ready").json()["parts"]["workers"]["alive"]
    name = next(name for name, facts in alive.items() if facts["queue"] == "sample")
    return int(name.partition("@")[0].rpartition("-")[2])


def test_no_key_reaches_redis_the_log_or_an_answer(
    both: Service, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    first.reply = lambda _call: error(401, message="Incorrect API key: sk-first-secret")
    second.reply = lambda _call: error(500, message="Who is sk-second-secret?")
    said = post(both.url, model="m", **RUN).text + post(both.url, model="second/large", **RUN).text
    said += httpx.get(f"{both.url}/ready").text + both.log.read_text()
    said += "".join(dumped(both.store_url))
    said += subprocess.run(
        ["cat", *map(str, Path(both.data_dir).rglob("*.aof"))], capture_output=True, check=True
    ).stdout.decode("latin-1")
    assert not [secret for secret in KEYS.values() if secret in said]


def dumped(store_url: str) -> Iterator[str]:
    """All that Redis holds."""
    with redis.Redis.from_url(store_url) as store:
        for key in store.scan_iter():
            yield key.decode("latin-1") + (store.dump(key) or b"").decode("latin-1")


ONLINE = {"tts_mode": "online", "tts_strategy": "deepconf", "tts_warmup": 4, "tts_budget": 8}


def test_an_upstream_that_can_stop_by_itself_is_told_the_threshold_and_counts_as_stopped(
    both: Service, first: ScriptedUpstream
) -> None:
    def reply(call: Call) -> Any:
        if "vllm_xargs" not in call.body:
            return text(f"Nobody agrees with \\boxed{{{call.index}}}.")
        stopped = [
            {"index": 0, "delta": {"content": "so"}, "finish_reason": "stop", "stop_reason": "<gconf<15.0>"}
        ]
        return raw(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            b"data: " + json.dumps({"choices": stopped}).encode() + b"\n\ndata: [DONE]\n\n"
        )

    first.reply = reply
    answer = told(post(both.url, model="xargs", tts_window_size=4, **ONLINE))
    sent = [call.body["vllm_xargs"] for call in first.calls if "vllm_xargs" in call.body]
    assert {(each["enable_conf"], each["window_size"]) for each in sent} == {(True, 4)}
    assert all(each["threshold"] == pytest.approx(answer["threshold"]) for each in sent)
    assert answer["traces_stopped_early"] == len(sent) > 0


def test_an_estimate_tells_what_the_completion_tokens_cost_at_most(both: Service) -> None:
    told = post(both.url, "/v1/estimate", model="m", tts_budget=4, max_tokens=100, **RUN).json()
    assert told["price"] == {
        "currency": "USD",
        "at_most": pytest.approx(4 * 100 * 1000.0 / 1e6),
        "prompt_per_million": 1.0,
    }
    assert "prompt" in told["unknown"]["price"]


def test_an_estimate_is_of_the_dearest_upstream_that_may_be_asked(both: Service) -> None:
    told = post(both.url, "/v1/estimate", model="shared", tts_budget=4, max_tokens=100, **RUN).json()
    assert told["price"]["at_most"] == pytest.approx(4 * 100 * 2000.0 / 1e6)
