"""A synchronous call that comes again finds the run that it had begun."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from asking import QUESTION, ask
from jobs import KEYS, Jobs
from openai import OpenAI
from scripted_upstream import ScriptedUpstream, hang, text
from service import Service

BUDGET = {"tts_budget": 3}
BODY = {"model": "m", "messages": QUESTION, **BUDGET}
AGAIN = {"x-stainless-retry-count": "1"}


def lasting(seconds: float) -> Any:
    """A script: every trace takes so long."""
    return lambda _call: text("word " * 20 + "\\boxed{42}", token_s=seconds / 24)


def patient_for(service: Service, seconds: float, key: str = "any") -> OpenAI:
    """The SDK as it is by default but for its patience: it asks twice more."""
    return OpenAI(base_url=service.base_url, api_key=key, timeout=seconds, max_retries=2)


def send(service: Service, *, timeout_s: float = 60, **headers: str) -> httpx.Response:
    """The question as plain HTTP."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(f"{service.base_url}/chat/completions", json=BODY, headers=named, timeout=timeout_s)


def job_id(completion: dict[str, Any]) -> str:
    return str(completion["choices"][0]["tts_metadata"]["job_id"])


def leave(service: Service, **headers: str) -> None:
    """Ask, and go away before the answer."""
    with pytest.raises(httpx.ReadTimeout):
        send(service, timeout_s=0.5, **headers)


@pytest.mark.parametrize("lasting_s", [1.2, 2.0, 3.0])
def test_an_sdk_that_loses_patience_gets_the_answer_and_pays_once(
    service: Service, upstream: ScriptedUpstream, lasting_s: float
) -> None:
    upstream.reply = lasting(lasting_s)
    with patient_for(service, 0.9) as client:
        done = ask(client, extra_body=BUDGET)
    assert done.choices[0].tts_metadata["num_traces"] == 3
    assert len(upstream.calls) == 3
    assert all(call.done for call in upstream.calls)


def test_a_retry_is_served_by_any_web_process(shared: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lasting(2.0)

    def question(number: int) -> Any:
        with patient_for(shared, 1.4, KEYS[0]) as client:
            messages = [{"role": "user", "content": f"What is 6*{number}?"}]
            return ask(client, messages=messages, extra_body=BUDGET)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(question, range(8)))
    assert len({answer.id for answer in answers}) == 8
    assert len(upstream.calls) == 8 * 3


def test_an_answer_that_came_too_late_waits_for_the_retry(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lasting(0.8)
    leave(service)
    upstream.wait_for(lambda calls: len(calls) == 3 and all(call.done for call in calls))
    assert send(service, **AGAIN).status_code == 200
    assert len(upstream.calls) == 3


def test_two_alike_at_the_same_time_are_two_runs(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lasting(0.5)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(send, service) for _ in "12"]
    assert len({job_id(answer.result().json()) for answer in answers}) == 2
    assert len(upstream.calls) == 6


def test_the_next_request_like_one_that_was_answered_is_a_new_run(
    service: Service, upstream: ScriptedUpstream
) -> None:
    with httpx.Client(timeout=60) as client:  # on one connection: the first is over and done with
        sent = [
            client.post(f"{service.base_url}/chat/completions", json=BODY, headers=h) for h in ({}, AGAIN)
        ]
    assert len({job_id(answer.json()) for answer in sent}) == 2
    assert len(upstream.calls) == 6


def test_a_job_whose_acknowledgement_was_lost_is_found_by_the_retry(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lasting(0.1)
    url = f"{service.base_url}/jobs"
    first = httpx.post(url, json=BODY).json()
    again = httpx.post(url, json=BODY, headers=AGAIN).json()
    other = httpx.post(url, json=BODY).json()
    for job in (first, other):
        httpx.get(f"{url}/{job['id']}/events", timeout=30)
    assert first["id"] == again["id"] != other["id"]


def test_a_retry_of_another_body_is_a_new_run(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: hang()
    leave(service)
    upstream.reply = lasting(0.0)
    answer = httpx.post(
        f"{service.base_url}/chat/completions", json={**BODY, "tts_budget": 2}, headers=AGAIN, timeout=60
    )
    assert answer.json()["choices"][0]["tts_metadata"]["num_traces"] == 2


def test_a_retry_of_another_key_is_a_new_run(
    shared: Service, owners: tuple[Jobs, Jobs], upstream: ScriptedUpstream
) -> None:
    upstream.reply = lasting(1.0)
    leave(shared, Authorization=f"Bearer {KEYS[0]}")
    answer = send(shared, Authorization=f"Bearer {KEYS[1]}", **AGAIN)
    assert answer.status_code == 200
    assert owners[1].show(job_id(answer.json()))["status"] == "completed"
    assert owners[0].get(f"/{job_id(answer.json())}").status_code == 404


def test_a_client_that_stays_away_has_its_run_cancelled_within_two_seconds(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lasting(60.0)
    leave(service)
    left_s = time.monotonic()
    upstream.wait_for(lambda calls: len(calls) == 3 and all(call.aborted for call in calls))
    assert max(call.ended_s or 0.0 for call in upstream.calls) - left_s < 2.0


@pytest.mark.parametrize("named", [{}, {"idempotency_key": "chat-late"}])
def test_a_client_that_comes_back_after_that_has_its_question_answered(
    service: Service, upstream: ScriptedUpstream, named: dict[str, str]
) -> None:
    upstream.reply = lasting(60.0)
    leave(service, **named)
    upstream.wait_for(lambda calls: len(calls) == 3 and all(call.aborted for call in calls))
    upstream.reply = lasting(0.0)
    answer = send(service, **AGAIN, **named)
    assert (answer.status_code, len(upstream.calls)) == (200, 6)


def test_the_same_idempotency_key_is_answered_once_for_all(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lasting(0.5)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(send, service, idempotency_key="chat-a") for _ in "12"]
    bodies = [answer.result().json() for answer in answers]
    assert bodies[0] == bodies[1] == send(service, idempotency_key="chat-a").json()
    assert len(upstream.calls) == 3


def test_one_of_two_under_a_key_may_go_away(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lasting(2.0)
    with ThreadPoolExecutor(1) as pool:
        stays = pool.submit(send, service, idempotency_key="chat-b")
        upstream.wait_for(lambda calls: len(calls) == 3)
        leave(service, idempotency_key="chat-b")
    assert stays.result().status_code == 200
    assert len(upstream.calls) == 3


def test_an_idempotency_key_is_not_for_two_bodies(service: Service, upstream: ScriptedUpstream) -> None:
    send(service, idempotency_key="chat-c")
    answer = httpx.post(
        f"{service.base_url}/chat/completions",
        json={**BODY, "seed": 1},
        headers={"Idempotency-Key": "chat-c"},
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert len(upstream.calls) == 3


def test_an_idempotency_key_that_is_too_long_is_refused(
    service: Service, upstream: ScriptedUpstream
) -> None:
    assert send(service, idempotency_key="k" * 256).status_code == 400
    assert not upstream.calls


def test_a_kept_run_is_found_by_a_retry(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lasting(2.0)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{service.base_url}/chat/completions", json={**BODY, "tts_keep": True}, timeout=0.5)
    upstream.wait_for(lambda calls: len(calls) == 3 and all(call.done for call in calls))
    again = httpx.post(
        f"{service.base_url}/chat/completions", json={**BODY, "tts_keep": True}, headers=AGAIN, timeout=60
    )
    assert again.status_code == 200
    assert len(upstream.calls) == 3
