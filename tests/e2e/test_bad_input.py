"""Bad input: a clear error in OpenAI's shape that names the parameter, and no upstream call."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from asking import QUESTION, post
from scripted_upstream import ScriptedUpstream
from service import Service

NESTED = b'{"model": "m", "messages": [{"role": "user", "content": "q"}], "x": %b}' % (
    b"[" * 400 + b"]" * 400
)
GOOD: dict[str, Any] = {"model": "m", "messages": QUESTION}


@pytest.fixture(autouse=True)
def nothing_is_paid_for(upstream: ScriptedUpstream) -> Iterator[None]:
    yield
    assert not upstream.calls


def error_in(answer: httpx.Response) -> dict[str, Any]:
    """The error object, once its shape is found right."""
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert "Traceback" not in answer.text
    assert answer.headers["x-request-id"]
    return error


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("messages", []),
        ("messages", "hi"),
        ("messages", None),
        ("messages", [1]),
        ("model", 5),
        ("model", ""),
        ("temperature", 2.5),
        ("temperature", "warm"),
        ("temperature", True),
        ("temperature", 10**400),
        ("top_p", -0.1),
        ("max_tokens", 0),
        ("max_tokens", "12"),
        ("max_tokens", 1.5),
        ("n", 0),
        ("n", 10**9),
        ("seed", 2**70),
        ("stop", [1]),
        ("stream", "yes"),
        ("logprobs", 1),
        ("top_logprobs", 21),
        ("tools", "hammer"),
        ("response_format", "json"),
        ("stream_options", True),
        ("tts_budget", 0),
        ("tts_budget", -1),
        ("tts_budget", 10**9),
        ("tts_budget", 513),
        ("tts_budget", "8"),
        ("tts_budget", 8.0),
        ("tts_eta", 0),
        ("tts_warmup", 0),
        ("tts_consensus", 1.5),
        ("tts_warmup_mode", "lazy"),
        ("tts_max_total_tokens", 0),
        ("tts_progress", "yes"),
        ("tts_mode", "sideways"),
        ("tts_filter_method", "best"),
        ("tts_filter_method", "top0"),
        ("tts_confidence", "gut"),
        ("tts_window_size", 0),
        ("tts_window_size", "auto"),
        ("tts_window_size", []),
        ("tts_top_logprobs", 21),
        ("tts_deadline_s", 0),
        ("tts_deadline_s", -1),
        ("tts_min_traces", 0),
        ("tts_min_traces", 9),
        ("tts_answer_format", "haiku"),
        ("tts_answer_format", "regex:("),
        ("tts_answer_hint", "yes"),
        ("tts_include_traces", 1),
        ("tts_strategy", "deepconv"),
        ("tts_strategy", 5),
        ("tts_strategy", ""),
        ("tts_strategy", []),
    ],
)
def test_a_bad_value_is_a_400_that_names_the_parameter(service: Service, field: str, value: object) -> None:
    answer = post(service.url, **{field: value})
    assert answer.status_code == 400
    error = error_in(answer)
    assert error["type"] == "invalid_request_error"
    assert error["param"] == field or error["param"].startswith(f"{field}[")


@pytest.mark.parametrize("field", ["model", "messages"])
def test_a_missing_parameter_is_named(service: Service, field: str) -> None:
    body = {name: value for name, value in GOOD.items() if name != field}
    error = error_in(httpx.post(f"{service.url}/v1/chat/completions", json=body))
    assert (error["param"], error["code"]) == (field, "missing_required_parameter")


def test_a_bad_message_is_located(service: Service) -> None:
    messages = [*QUESTION, {"role": "wizard", "content": "abracadabra"}]
    assert error_in(post(service.url, messages=messages))["param"] == "messages[1].role"


def test_a_misspelt_option_gets_a_suggestion(service: Service) -> None:
    error = error_in(post(service.url, tts_buget=8))
    assert (error["param"], error["code"]) == ("tts_buget", "unknown_parameter")
    assert "tts_budget" in error["message"]


def test_an_unknown_strategy_gets_a_suggestion(service: Service) -> None:
    assert "'deepconf'" in error_in(post(service.url, tts_strategy="deepconv"))["message"]


def test_an_unknown_strategy_in_the_url_is_a_404(service: Service) -> None:
    answer = post(service.url, "/v1/deepconv/chat/completions")
    assert (answer.status_code, error_in(answer)["code"]) == (404, "strategy_not_found")


def test_an_unknown_model_is_a_404(service: Service) -> None:
    answer = post(service.url, model="gpt-99")
    error = error_in(answer)
    assert (answer.status_code, error["param"], error["code"]) == (404, "model", "model_not_found")


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"nope", b'{"model": NaN}', b'{"a": Infinity}', b"\xff\xfe", b'"text"', b"[]", b"null",
        b"[" * 100_000, b'{"model": "\\ud800"}',
        NESTED,
    ],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_a_400(service: Service, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{service.url}/v1/chat/completions", content=content, headers=headers)
    assert answer.status_code == 400
    assert error_in(answer)["type"] == "invalid_request_error"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_another_content_type_is_a_415(service: Service, kind: str) -> None:
    headers = {"Content-Type": kind}
    answer = httpx.post(f"{service.url}/v1/chat/completions", content=b"{}", headers=headers)
    assert (answer.status_code, error_in(answer)["code"]) == (415, "unsupported_media_type")


def test_a_giant_body_is_a_413(service: Service) -> None:
    answer = post(service.url, messages=[{"role": "user", "content": "x" * 21_000_000}])
    assert (answer.status_code, error_in(answer)["code"]) == (413, "request_too_large")


def test_a_giant_body_without_a_length_is_a_413(service: Service) -> None:
    pieces = (b"x" * 1_000_000 for _ in range(22))
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{service.url}/v1/chat/completions", content=pieces, headers=headers)
    assert answer.status_code == 413


def test_the_wrong_method_is_a_405_that_tells_the_right_one(service: Service) -> None:
    answer = httpx.get(f"{service.url}/v1/chat/completions")
    assert (answer.status_code, error_in(answer)["code"]) == (405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/chats", "/v1/models/nobody", "/v2/chat/completions"])
def test_an_unknown_route_is_a_404(service: Service, path: str) -> None:
    answer = httpx.get(f"{service.url}{path}")
    assert answer.status_code == 404
    error_in(answer)


def test_a_request_id_is_taken_over_only_when_harmless(service: Service) -> None:
    given = {"x-request-id": "mine-1"}
    assert httpx.get(f"{service.url}/health", headers=given).headers["x-request-id"] == "mine-1"
    evil = {"x-request-id": "a b<script>"}
    assert "script" not in httpx.get(f"{service.url}/health", headers=evil).headers["x-request-id"]
