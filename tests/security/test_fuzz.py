"""Whatever is sent, nothing fails: no 5xx, and every error in OpenAI's shape.

FUZZ_ROUNDS=N (`make fuzz`) looks for longer, and elsewhere each time.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import schemathesis
from asking import QUESTION
from hypothesis import given
from hypothesis import strategies as st
from jobs import KEYS
from scripted_upstream import ScriptedUpstream
from security.fuzzing import check, checked, shortly
from service import Service

from app.openapi import describe
from workers.settings import Settings

SCHEMA = schemathesis.openapi.from_dict(describe(Settings()))
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
ENDLESS = {"/metrics", "/ready"}  # one has a format of its own, the other tells by 503 what is away
FIELDS = sorted(
    {
        "model",
        "messages",
        "input",
        "tools",
        "n",
        "seed",
        "stop",
        "stream",
        "strategies",
        "webhook",
        "traces",
    }
    | {"tts_strategy", "tts_budget", "tts_mode", "tts_answer_format", "tts_filter_method", "tts_models"}
    | {"tts_window_size", "tts_judge_model", "tts_min_traces", "tts_deadline_s", "response_format"}
    | {"temperature", "metadata", "input_file_id", "endpoint", "completion_window", "tts_scorer", "user"}
)
POSTS = (
    "chat/completions",
    "jobs",
    "responses",
    "compare",
    "estimate",
    "batches",
    "single/chat/completions",
)
WORDS = st.sampled_from(
    [
        "m",
        "auto",
        "online",
        "top5",
        "regex:(",
        "regex:(?P<x>a)",
        "single",
        "deepconf",
        "m@max",
        "@",
        "",
        "\x00",
    ]
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20) | WORDS | st.sampled_from([0, -1, 2**31, 2**63, 2**64, 10**30, 1e308, -0.0])
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)
MESSAGES = st.just(QUESTION) | st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system", "tool", "developer"])},
        optional={"content": VALUES, "tool_calls": VALUES, "tool_call_id": LEAVES, "name": LEAVES},
    ),
    max_size=3,
)
LIKELY = st.fixed_dictionaries(
    {"model": st.just("m") | LEAVES, "messages": MESSAGES, "tts_deadline_s": st.just(2)},
    optional=dict.fromkeys({*FIELDS} - {"model", "messages", "tts_deadline_s"}, VALUES),
)
BODIES = (
    LIKELY | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=20), VALUES, max_size=6) | VALUES
)


@pytest.fixture(scope="module")
def asking(service: Service, upstream_server: ScriptedUpstream) -> Iterator[httpx.Client]:
    """A client with a key."""
    headers = {"Authorization": f"Bearer {KEYS[0]}"}
    with httpx.Client(base_url=service.base_url, headers=headers, timeout=60) as found:
        yield found


@pytest.mark.parametrize(
    "operation",
    [found for found in OPERATIONS if found.path not in ENDLESS],
    ids=lambda found: f"{found.method.upper()} {found.path}",
)
def test_what_the_description_allows_or_not_never_fails(operation: Any, service: Service) -> None:
    headers = {"Authorization": f"Bearer {KEYS[0]}"}

    @given(
        case=operation.as_strategy()
        | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
    )
    @shortly
    def never_fails(case: Any) -> None:
        answer = case.call(base_url=service.url, headers=headers, timeout=60)
        check(answer.status_code, answer.content, answer.headers.get("content-type", [""])[0], case.body)

    never_fails()


@pytest.mark.parametrize("path", POSTS)
def test_no_body_makes_a_route_fail(asking: httpx.Client, path: str) -> None:
    @given(body=BODIES)
    @shortly
    def never_fails(body: Any) -> None:
        checked(asking.post(path, json=body), body)

    never_fails()


def test_no_name_makes_a_route_fail(asking: httpx.Client) -> None:
    routes = ("jobs/{}", "jobs/{}/traces", "jobs/{}/events", "responses/{}", "files/{}", "batches/{}")

    @given(route=st.sampled_from((*routes, "models/{}", "{}/chat/completions")), name=st.text(min_size=1))
    @shortly
    def never_fails(route: str, name: str) -> None:
        checked(asking.get(route.format(quote(name, safe=""))), (route, name))

    never_fails()


def test_no_parameter_makes_a_list_fail(asking: httpx.Client) -> None:
    names = st.sampled_from(["after", "limit", "order", "purpose", "confidences", "x"])

    @given(
        route=st.sampled_from(["jobs", "files", "batches", "models", "responses"]),
        parameters=st.dictionaries(names, st.text(max_size=30) | st.integers(), max_size=3),
    )
    @shortly
    def never_fails(route: str, parameters: Any) -> None:
        checked(asking.get(route, params=parameters), parameters)

    never_fails()


def test_no_bytes_make_an_upload_fail(asking: httpx.Client) -> None:
    fields = st.dictionaries(
        st.sampled_from(["purpose", "expires_after[anchor]", "x"]), st.text(max_size=9)
    )

    @given(content=st.binary(max_size=99), name=st.text(max_size=30), fields=fields)
    @shortly
    def never_fails(content: bytes, name: str, fields: Any) -> None:
        answer = asking.post("files", files={"file": (name, content)}, data={"purpose": "batch", **fields})
        checked(answer, (name, content, fields))
        body = {"input_file_id": answer.json().get("id", ""), "endpoint": "/v1/chat/completions"}
        checked(asking.post("batches", json={**body, "completion_window": "24h"}), (name, content))

    never_fails()
