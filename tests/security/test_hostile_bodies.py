"""Bodies, headers and names made to break something: a clear refusal, and a log that stays whole."""

import gzip
import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from asking import QUESTION
from chaos.faults import until
from jobs import KEYS
from scripted_upstream import Call, ScriptedUpstream, error, raw, text
from service import Service

JSON = {"Content-Type": "application/json"}
CHAT = "/v1/chat/completions"
BODIES = (CHAT, "/v1/jobs", "/v1/responses", "/v1/compare", "/v1/estimate", "/v1/batches")
LIES = "2999-01-01 00:00:00 ERROR you have been had"
BREAKS = ("\r\n", "\n", "\r", "\x1b[2J", "\u2028", "\x85", "\x0b", "\x00")
BOMBS: dict[str, bytes] = {
    "deep": b'{"model": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a huge integer": b'{"model": "m", "messages": [], "seed": ' + b"9" * 1_000_000 + b"}",
    "a huge exponent": b'{"model": "m", "messages": [], "temperature": 1e999999}',
    "NaN": b'{"model": "m", "temperature": NaN}',
    "infinity": b'{"model": "m", "temperature": -Infinity}',
    "a lone surrogate": b'{"model": "\\ud800", "messages": []}',
    "a surrogate in a key": b'{"\\udfff": 1}',
    "no unicode": b'{"model": "\xff\xfe"}',
    "a zero byte": b'{"model": "m\\u0000"}',
    "many keys": json.dumps({f"tts_{n}": n for n in range(200_000)}).encode(),
    "gzip": gzip.compress(b" " * 10_000_000),
}
ENDLESS = {
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "string", "pattern": "^(a+)+$"}},
    }
}


def asked(**changes: Any) -> dict[str, Any]:
    """A plain question, of one trace."""
    return {"model": "m", "messages": QUESTION, "tts_strategy": "single", **changes}


def calls_of(upstream: ScriptedUpstream) -> list[Call]:
    """What it was asked here; jobs of other files may still go on."""
    return [call for call in upstream.calls if call.body["messages"] == QUESTION]


def test_a_bomb_is_a_400_on_every_route(http: httpx.Client, upstream: ScriptedUpstream) -> None:
    found = {
        (path, name): http.post(path, content=bomb, headers=JSON)
        for path in BODIES
        for name, bomb in BOMBS.items()
    }
    assert {key: answer.status_code for key, answer in found.items()} == dict.fromkeys(found, 400)
    assert all(set(answer.json()["error"]) >= {"message", "code"} for answer in found.values())
    assert max(len(answer.content) for answer in found.values()) < 2_000
    assert not calls_of(upstream)


def test_a_packed_body_is_not_unpacked(http: httpx.Client, logged: Callable[[], str]) -> None:
    packed = gzip.compress(json.dumps(asked()).encode())
    answer = http.post(CHAT, content=packed, headers={**JSON, "Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_json")
    assert "Traceback" not in logged()


def test_of_a_key_that_is_there_twice_the_last_is_taken_by_all(
    http: httpx.Client, upstream: ScriptedUpstream
) -> None:
    body = json.dumps(asked())[:-1] + ', "model": "nobody"}'
    assert http.post(CHAT, content=body, headers=JSON).status_code == 404
    assert not calls_of(upstream)


def test_what_an_upstream_packs_is_not_unpacked(http: httpx.Client, upstream: ScriptedUpstream) -> None:
    packed = gzip.compress(b" " * 100_000_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n"
    bomb = head + b"content-length: %d\r\n\r\n" % len(packed) + packed
    upstream.reply = lambda _call: raw(bomb)
    answer = http.post(CHAT, json=asked())
    assert (answer.status_code, answer.json()["error"]["type"]) == (502, "server_error")
    assert calls_of(upstream)[0].headers["accept-encoding"] == "identity"


def test_a_pattern_without_an_end_costs_no_more_than_its_time(
    http: httpx.Client, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: text(json.dumps("a" * 60 + "!"))
    answer = http.post(CHAT, json=asked(**ENDLESS, tts_strategy="self_consistency", tts_budget=2))
    assert answer.status_code == 200
    assert httpx.get(http.base_url.join("/ready"), timeout=10).status_code == 200


@pytest.mark.parametrize("pattern", ["(a+)+$", "(?:a|aa)+$", r"(\d+)*x"])
def test_a_hostile_expression_runs_in_linear_time(
    http: httpx.Client, upstream: ScriptedUpstream, pattern: str
) -> None:
    upstream.reply = lambda _call: text("a" * 50_000 + "!")
    answer = http.post(
        CHAT,
        json=asked(tts_strategy="self_consistency", tts_budget=1, tts_answer_format=f"regex:{pattern}"),
    )
    assert answer.status_code == 200


@pytest.mark.parametrize("sign", BREAKS, ids=repr)
def test_no_line_of_the_log_is_written_by_a_client(
    http: httpx.Client, logged: Callable[[], str], sign: str
) -> None:
    lie = f"{sign}{LIES}"
    http.post(CHAT, json=asked(model=lie, user=lie))
    http.post(CHAT, json=asked(tts_strategy=lie))
    http.post(CHAT, json={lie: lie})
    http.get(f"/v1/jobs/{quote(lie, safe='')}")
    http.get("/v1/jobs", params={"after": lie})
    http.post("/v1/files", files={"file": (lie, b"{}")}, data={"purpose": "batch"})
    seen = until(lambda: (found := logged()).count("POST") >= 3 and found)
    assert not [line for line in seen.splitlines() if line.startswith("2999")]
    assert "\x1b[2J" not in seen
    assert "Traceback" not in seen


def test_no_line_of_the_log_is_written_by_an_upstream(
    http: httpx.Client, upstream: ScriptedUpstream, logged: Callable[[], str]
) -> None:
    upstream.reply = lambda _call: error(500, message=f"oh\r\n{LIES}\x1b[2J")
    http.post(CHAT, json=asked())
    assert not [line for line in logged().splitlines() if line.startswith("2999")]


@pytest.mark.parametrize(
    "name", ["x-request-id", "idempotency-key", "user-agent", "traceparent", "authorization"]
)
def test_a_header_of_a_client_makes_none_of_the_service(
    service: Service, http: httpx.Client, name: str
) -> None:
    evil = b"x\x0bSet-Cookie: a=b"
    head = f"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{name}: ".encode()
    url = httpx.URL(service.url)
    with socket.create_connection((url.host, url.port or 0), timeout=10) as line:
        line.sendall(head + evil + b"\r\n\r\n")
        answer = line.makefile("rb").read()
    assert b"Set-Cookie" not in answer.partition(b"\r\n\r\n")[0]
    for word in ("\u2028", "é" * 50, "x" * 8_000, "%0d%0aSet-Cookie: a=b"):
        headers = {"Authorization": f"Bearer {KEYS[0]}", name: word.encode().decode("latin-1")}
        told = http.get(
            "/v1/jobs", headers={key: value.encode("latin-1") for key, value in headers.items()}
        )
        assert told.status_code in (200, 400, 401, 431), (name, word)
        assert "set-cookie" not in told.headers
