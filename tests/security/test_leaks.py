"""Where a secret must not be, even packed: every value of Redis, the queues, the log, an answer."""

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from asking import QUESTION
from chaos.faults import until
from jobs import KEYS, Jobs
from keyed import made_for
from scripted_upstream import ScriptedUpstream, error, hang, text
from service import Service

from workers.store import connect

UPSTREAM = "sk-upstream-secret"
PROMPT = "what the client would rather keep to itself"
CHAT = "/v1/chat/completions"
BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": PROMPT}], "tts_budget": 2}


def values(store: Any, name: bytes) -> Iterator[bytes]:
    """All that a key of Redis holds."""
    kind = store.type(name)
    if kind == b"string":
        yield store.get(name)
    elif kind == b"list":
        yield from store.lrange(name, 0, -1)
    elif kind == b"hash":
        yield from (part for pair in store.hgetall(name).items() for part in pair)
    elif kind == b"set":
        yield from store.smembers(name)
    elif kind == b"zset":
        yield from store.zrange(name, 0, -1)
    elif kind == b"stream":
        yield from (part for _, fields in store.xrange(name) for pair in fields.items() for part in pair)
    else:
        assert kind == b"none", f"{name!r} is a {kind!r}"  # it has gone meanwhile


def unpacked(value: bytes) -> bytes:
    """The value, and what is packed in it."""
    try:
        return value + zlib.decompress(value)
    except zlib.error:
        return value


def held(service: Service) -> dict[bytes, bytes]:
    """Everything in Redis, by key."""
    with connect(service.store_url, most=1) as store:
        return {
            name: name + b"\0" + b"\0".join(unpacked(value) for value in values(store, name))
            for name in store.keys("*")
        }


@pytest.fixture
def jobs(service: Service, upstream: ScriptedUpstream) -> Iterator[Jobs]:
    """The jobs of a key that was made here."""
    found = Jobs(service.url, made_for(service))
    yield found
    found.stop()


def test_no_secret_is_in_any_value_of_redis_packed_or_not(
    service: Service, http: httpx.Client, jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: text(f"It is \\boxed{{{PROMPT}}}")
    http.post(CHAT, json=BODY)
    jobs.done(tts_budget=1)
    http.post("/v1/files", files={"file": ("a.jsonl", PROMPT.encode())}, data={"purpose": "batch"})
    upstream.reply = lambda _call: error(401, message=f"Incorrect API key provided: {UPSTREAM}")
    http.post(CHAT, json=BODY)
    found = held(service)
    secrets = (UPSTREAM, *KEYS, jobs.http.headers["authorization"].rpartition("-")[2])
    assert not [name for name, value in found.items() for secret in secrets if secret.encode() in value]
    assert [name for name, value in found.items() if PROMPT.encode() in value]  # the search does find


def test_messages_to_workers_hold_ids_and_no_question(
    service: Service, jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: hang()
    jobs.begun(messages=BODY["messages"], tts_budget=2)
    until(lambda: len(upstream.calls) == 2)
    messages = {
        name: value
        for name, value in held(service).items()
        if b"celery" in name or b"unacked" in name or name in (b"sample", b"control", b"batch")
    }
    assert messages
    assert not [name for name, value in messages.items() if PROMPT.encode() in value]


@pytest.mark.parametrize("key", ["sk-chorus-0123456789ab-secret-of-mine", "secret-of-mine"])
def test_a_key_that_is_refused_is_not_repeated(
    service: Service, logged: Callable[[], str], key: str
) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    answers = [
        httpx.get(f"{service.url}/v1/jobs", headers=headers),
        httpx.post(f"{service.url}{CHAT}", json={"messages": QUESTION}, headers=headers),
        httpx.get(f"{service.url}/v1/jobs", headers={"Authorization": f"Basic {key}"}),
    ]
    assert [answer.status_code for answer in answers] == [401] * 3
    assert not [answer for answer in answers if "secret-of-mine" in answer.text]
    assert "secret-of-mine" not in logged()


def test_what_the_service_says_of_itself_has_no_secret(service: Service, http: httpx.Client) -> None:
    paths = (
        "/health",
        "/ready",
        "/openapi.json",
        "/docs/",
        "/v1/models",
        "/v1/strategies",
        "/metrics",
        "/ui",
    )
    told = "".join(str((answer := http.get(path)).headers) + answer.text for path in paths)
    assert not [secret for secret in (UPSTREAM, *KEYS) if secret in told]
    assert str(service.data_dir) not in told
