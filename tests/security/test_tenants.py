"""What a client may not reach: another host, what is another's, what its key does not allow, a file."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from jobs import KEYS, Jobs
from keyed import made_for
from scripted_upstream import ScriptedUpstream, raw
from service import Service

CHAT = "/v1/chat/completions"
PLAIN = {"model": "m", "messages": [{"role": "user", "content": "?"}], "tts_strategy": "single"}
BOUND = [{"role": "user", "content": "asked by the key that is bound"}]
PATHS = (
    "../../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "....//etc/passwd",
    "/etc/passwd",
    "%00",
    "file-..",
)


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[ScriptedUpstream]:
    """A host that nobody has allowed."""
    with ScriptedUpstream() as found:
        yield found


def named(url: str) -> list[dict[str, Any]]:
    """Fields that might be taken for the name of a host."""
    host = url.partition("//")[2]
    fields = (
        "base_url",
        "api_base",
        "upstream",
        "url",
        "endpoint",
        "tts_upstream",
        "tts_scorer",
        "webhook",
    )
    tool = {"type": "mcp", "server_label": "x", "server_url": url}
    return [
        *({name: url} for name in fields),
        {"model": url},
        {"model": f"m@{url}"},
        {"tts_judge_model": url, "tts_strategy": "best_of_n", "tts_scorer": "judge"},
        {"tts_strategy": "best_of_n", "tts_scorer": url},
        {"tools": [tool]},
        {"extra_body": {"base_url": url}},
        {"extra_headers": {"Host": host}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"$ref": url}}}},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]},
    ]


def test_no_field_has_the_service_ask_another_host(http: httpx.Client, elsewhere: ScriptedUpstream) -> None:
    url = elsewhere.base_url
    for fields in named(url):
        for path in (CHAT, "/v1/jobs", "/v1/estimate"):
            assert http.post(path, json={**PLAIN, **fields}).status_code < 500, fields
    responses = {"model": "m", "input": "?", "webhook": url, "metadata": {"webhook": url}}
    assert http.post("/v1/responses", json=responses).status_code < 500
    assert not elsewhere.calls
    assert not elsewhere.requests


def test_no_header_has_the_service_ask_another_host(
    http: httpx.Client, elsewhere: ScriptedUpstream, upstream: ScriptedUpstream
) -> None:
    host = elsewhere.base_url.removesuffix("/v1").partition("//")[2]
    forwarded = ("X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL", "Forwarded", "Via", "OpenAI-Base")
    headers = dict.fromkeys(forwarded, host) | {"Host": host, "Proxy": f"http://{host}"}
    assert http.post(CHAT, json=PLAIN, headers=headers).status_code == 200
    assert upstream.calls
    assert not elsewhere.requests
    location = http.post("/v1/jobs", json=PLAIN, headers=headers).headers["location"]
    assert location.startswith("/v1/jobs/")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_the_upstream_is_not_followed(
    http: httpx.Client, elsewhere: ScriptedUpstream, upstream: ScriptedUpstream, status: int
) -> None:
    to = f"HTTP/1.1 {status} Found\r\nlocation: {elsewhere.base_url}/chat/completions\r\n"
    upstream.reply = lambda _call: raw(to.encode() + b"content-length: 0\r\n\r\n")
    assert http.post(CHAT, json=PLAIN).status_code == 502
    assert not elsewhere.requests


@pytest.mark.parametrize("name", PATHS)
def test_a_name_is_no_path(http: httpx.Client, name: str) -> None:
    uploaded = http.post("/v1/files", files={"file": (name, b"{}")}, data={"purpose": "batch"})
    assert uploaded.status_code in (200, 400)
    for path in (f"/v1/files/{name}", f"/v1/files/{name}/content", f"/ui/{name}", f"/docs/{name}"):
        answer = http.get(path)
        assert answer.status_code < 500, path
        assert b"root:" not in answer.content
    batch = {"input_file_id": name, "endpoint": CHAT, "completion_window": "24h"}
    assert http.post("/v1/batches", json=batch).status_code in (400, 404)


@pytest.fixture(scope="module")
def bound(service: Service) -> Iterator[Jobs]:
    """The jobs of a key that may use one model and one strategy, with two traces."""
    found = Jobs(
        service.url, made_for(service, models=("m",), strategies=("self_consistency",), max_budget=2)
    )
    yield found
    found.http.close()


def calls_of(upstream: ScriptedUpstream) -> int:
    """How often it was asked for that key; jobs of other tests may still go on."""
    return sum(call.body["messages"] == BOUND for call in upstream.calls)


@pytest.fixture
def job(bound: Jobs, upstream: ScriptedUpstream) -> str:
    """A job of that key that has ended."""
    return str(bound.done(messages=BOUND, tts_strategy="self_consistency", tts_budget=2)["id"])


OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("/revote", {"tts_strategy": "deepconf"}),
    ("/extend", {"traces": 1}),
    ("/compare", {"strategies": [{"strategy": "deepconf"}]}),
]


@pytest.mark.parametrize(("path", "body"), OTHERS, ids=[path for path, _ in OTHERS])
def test_a_key_is_held_to_its_bounds_over_its_own_job(
    bound: Jobs, upstream: ScriptedUpstream, job: str, path: str, body: dict[str, Any]
) -> None:
    calls = calls_of(upstream)
    answer = bound.post(f"/{job}{path}", **body)
    rows = answer.json().get("strategies") or answer.json().get("data") or [answer.json()]
    assert {row["error"]["code"] for row in rows} == {"permission_denied"}, answer.text
    assert calls_of(upstream) == calls


MODELS: list[dict[str, Any]] = [
    {"model": "other"},
    {"model": "other@self_consistency"},
    {"model": "m@deepconf"},
    {"model": "m@max"},
    {"tts_strategy": "ensemble", "tts_models": ["m", "other"]},
    {"tts_strategy": "best_of_n", "tts_judge_model": "other"},
    {"tts_judge_model": "other"},
    {"tts_budget": 3},
]


@pytest.mark.parametrize("fields", MODELS, ids=str)
@pytest.mark.parametrize("path", ["chat/completions", "jobs", "responses", "compare"])
def test_no_way_of_asking_leads_beyond_what_a_key_allows(
    bound: Jobs, upstream: ScriptedUpstream, path: str, fields: dict[str, Any]
) -> None:
    body = {"model": "m", **({"input": "?"} if path == "responses" else {"messages": BOUND}), **fields}
    if path == "compare":
        body["model"] = body["model"].replace("m@deepconf", "other@deepconf")
        body.pop("tts_strategy", None)
        body["strategies"] = [{"strategy": fields.get("tts_strategy", "self_consistency")}]
    assert bound.http.post(path, json=body).status_code in (400, 403, 404)
    assert not calls_of(upstream)


def test_an_answer_to_one_key_under_a_word_is_not_anothers(
    service: Service, upstream: ScriptedUpstream
) -> None:
    headers = {"Idempotency-Key": "the same"}
    ids = {
        httpx.post(
            f"{service.url}/v1/jobs", json=PLAIN, headers={**headers, "Authorization": f"Bearer {key}"}
        ).json()["id"]
        for key in KEYS
    }
    assert len(ids) == 2
