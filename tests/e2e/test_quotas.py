"""What a key may do, and how much of it: held by a service of two web processes."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from asking import QUESTION, ask
from batching import ended, hand_in, line, read
from jobs import Jobs
from keyed import client_of, made_for
from openai import NotFoundError, OpenAI, PermissionDeniedError, RateLimitError
from scripted_upstream import ScriptedUpstream, hang, text
from service import Service

from workers.access import AccessKeys
from workers.store import connect

DURATION = re.compile(r"(\d+m)?\d+s|\d+ms")
Clients = Callable[..., OpenAI]


@pytest.fixture
def clients(shared: Service, upstream: ScriptedUpstream) -> Iterator[Clients]:
    """Makes the SDK with a key of these limits."""
    made: list[OpenAI] = []

    def make(**limits: Any) -> OpenAI:
        made.append(client_of(shared, **limits))
        return made[-1]

    yield make
    for client in made:
        client.close()


def headers_of(client: OpenAI, **changes: Any) -> Any:
    """The headers of an answer."""
    body = {"model": "m", "messages": QUESTION, "extra_body": {"tts_strategy": "single"}} | changes
    return client.chat.completions.with_raw_response.create(**body).headers


ALLOWED = {"models": ("m", "fine-*"), "strategies": ("single", "self_consistency"), "max_budget": 4}
FORBIDDEN = [
    ({"model": "other"}, "model"),
    ({"tts_strategy": "cisc"}, "tts_strategy"),
    ({"model": "m@cisc"}, "tts_strategy"),
    ({"model": "m@max"}, "tts_strategy"),
    ({"tts_budget": 5, "tts_strategy": "self_consistency"}, "tts_budget"),
]


@pytest.mark.parametrize(("changes", "param"), FORBIDDEN)
def test_what_a_key_may_not_ask_for_is_refused_before_the_upstream_is_asked(
    clients: Clients, upstream: ScriptedUpstream, changes: dict[str, Any], param: str
) -> None:
    with pytest.raises(PermissionDeniedError) as refused:
        ask(clients(**ALLOWED), model=changes.pop("model", "m"), extra_body=changes)
    assert (refused.value.code, refused.value.param) == ("permission_denied", param)
    assert not upstream.calls


def test_a_model_that_only_a_strategy_asks_is_held_to_the_key_too(clients: Clients) -> None:
    more = {"tts_strategy": "single", "tts_judge_model": "other"}
    with pytest.raises(PermissionDeniedError) as refused:
        ask(clients(**ALLOWED), extra_body=more)
    assert refused.value.param == "tts_judge_model"


@pytest.mark.parametrize("path", ["/jobs", "/responses", "/compare"])
def test_other_routes_hold_a_key_to_the_same(
    shared: Service, upstream: ScriptedUpstream, path: str
) -> None:
    jobs = Jobs(shared.url, made_for(shared, **ALLOWED))
    body = {"model": "other", "messages": QUESTION}
    if path == "/responses":
        body = {"model": "other", "input": "?"}
    if path == "/compare":
        body |= {"strategies": [{"strategy": "self_consistency"}]}
    answer = jobs.http.post(path, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "permission_denied")
    jobs.stop()


@pytest.mark.parametrize("strategies", [["single"], [{"strategy": "self_consistency", "tts_budget": 1}]])
def test_the_pool_of_a_comparison_is_held_to_the_key_whatever_its_rows_ask_for(
    shared: Service, upstream: ScriptedUpstream, strategies: list[Any]
) -> None:
    jobs = Jobs(shared.url, made_for(shared, **ALLOWED))
    body = {"model": "m", "messages": QUESTION, "strategies": strategies, "tts_budget": 20}
    answer = jobs.http.post("/compare", json=body)
    assert (answer.status_code, answer.json()["error"].get("param")) == (403, "tts_budget")
    assert not upstream.calls
    jobs.stop()


def test_what_became_of_a_job_is_held_to_the_key_too(shared: Service, upstream: ScriptedUpstream) -> None:
    jobs = Jobs(shared.url, made_for(shared, **ALLOWED))
    job_id = jobs.done(tts_budget=4, tts_strategy="self_consistency")["id"]
    answers = [
        jobs.post(f"/{job_id}/extend", traces=1),
        jobs.post(f"/{job_id}/revote", tts_strategy="cisc"),
    ]
    assert [answer.status_code for answer in answers] == [403, 403]
    jobs.stop()


def test_lines_of_a_batch_are_refused_one_by_one(clients: Clients) -> None:
    client = clients(**ALLOWED)
    batch = ended(client, hand_in(client, [line("good"), line("bad", model="other")]))
    assert read(client, batch.output_file_id)["good"]["response"]["status_code"] == 200
    assert read(client, batch.error_file_id)["bad"]["response"]["status_code"] == 403


def test_a_key_whose_money_is_counted_may_not_ask_what_has_no_price(clients: Clients) -> None:
    with pytest.raises(PermissionDeniedError, match="price of 'm' is not known") as refused:
        ask(clients(daily_usd=1.0))
    assert refused.value.param == "model"


def test_what_is_not_said_is_chosen_within_what_the_key_allows(clients: Clients) -> None:
    answer = ask(clients(strategies=("self_consistency",), max_budget=2))
    told = answer.choices[0].tts_metadata
    assert (told["strategy"], told["num_traces"]) == ("self_consistency", 2)


def test_lists_show_what_the_key_may_use(clients: Clients, shared: Service) -> None:
    client = clients(models=("m",), strategies=("single",))
    assert {model.id for model in client.models.list()} == {"m", "m@single"}
    for hidden in ("m@cisc", "max", "other"):
        with pytest.raises(NotFoundError):
            client.models.retrieve(hidden)
    found = client.get("/strategies", cast_to=object)
    assert [strategy["id"] for strategy in found["data"]] == ["single"]  # type: ignore[index]


def test_requests_a_minute_hold_over_all_web_processes(clients: Clients) -> None:
    client = clients(requests_per_minute=3)
    for _ in range(3):
        headers_of(client)
    with pytest.raises(RateLimitError) as refused:
        ask(client)
    told = refused.value.response.headers
    assert refused.value.code == "rate_limit_exceeded"
    assert 0 < int(told["retry-after"]) <= 60
    assert told["x-ratelimit-remaining-requests"] == "0"
    assert DURATION.fullmatch(told["x-ratelimit-reset-requests"])


def test_every_answer_says_how_the_limits_of_its_key_stand(clients: Clients) -> None:
    client = clients(requests_per_minute=60, tokens_per_minute=1000)
    told = headers_of(client)
    assert (told["x-ratelimit-limit-requests"], told["x-ratelimit-remaining-requests"]) == ("60", "59")
    assert told["x-ratelimit-limit-tokens"] == "1000"
    assert int(told["x-ratelimit-remaining-tokens"]) < 1000
    assert DURATION.fullmatch(told["x-ratelimit-reset-tokens"])
    assert "x-ratelimit-limit-requests" not in headers_of(clients())


def test_looking_costs_no_request(clients: Clients) -> None:
    client = clients(requests_per_minute=2)
    for _ in range(4):
        told = client.models.with_raw_response.list().headers
    assert told["x-ratelimit-remaining-requests"] == "2"


def test_a_retry_that_joins_a_run_is_no_further_request(
    shared: Service, upstream: ScriptedUpstream
) -> None:
    jobs = Jobs(shared.url, made_for(shared, requests_per_minute=1))
    first = jobs.submit(key="once", tts_strategy="single")
    again = jobs.submit(key="once", tts_strategy="single")
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    jobs.stop()


def test_what_was_refused_may_be_asked_again_under_its_idempotency_key(
    shared: Service, upstream: ScriptedUpstream
) -> None:
    token = made_for(shared, requests_per_minute=1)
    jobs = Jobs(shared.url, token)
    jobs.begun(tts_strategy="single")
    assert [jobs.submit(key="word", tts_strategy="single").status_code for _ in range(2)] == [429, 429]
    with connect(shared.store_url, most=1) as store:
        store.delete(f"chorus:pace:{token.split('-')[2]}:requests")
    assert jobs.submit(key="word", tts_strategy="single").status_code == 202
    jobs.stop()


def test_tokens_a_minute_are_those_of_runs_that_have_ended(clients: Clients) -> None:
    client = clients(tokens_per_minute=1)
    headers_of(client)
    with pytest.raises(RateLimitError) as refused:
        ask(client)
    assert refused.value.type == "tokens"


def test_a_day_s_tokens_bound_the_run_and_end_in_insufficient_quota(clients: Clients) -> None:
    client = clients(daily_tokens=2)
    ask(client, extra_body={"tts_strategy": "self_consistency", "tts_budget": 8})
    with pytest.raises(RateLimitError) as refused:
        ask(client)
    assert refused.value.code == "insufficient_quota"
    assert refused.value.response.headers["x-should-retry"] == "false"


def test_lines_of_batches_are_charged_what_they_cost(shared: Service, upstream: ScriptedUpstream) -> None:
    token = made_for(shared)
    client = OpenAI(base_url=shared.base_url, api_key=token)
    batch = ended(client, hand_in(client, [line("a"), line("b")]))
    used = read(client, batch.output_file_id).values()
    cost = sum(found["response"]["body"]["usage"]["total_tokens"] for found in used)
    with connect(shared.store_url, most=1) as store:
        spent = AccessKeys(store).spent(token.split("-")[2], batch.created_at)
    assert (spent.runs, spent.tokens) == (2, cost)
    client.close()


def test_a_cancelled_job_is_charged_what_it_has_cost_until_then(
    shared: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda call: hang(5) if call.index else text("\\boxed{42}")
    token = made_for(shared)
    jobs = Jobs(shared.url, token)
    job_id = jobs.begun(tts_strategy="self_consistency", tts_budget=2)
    with jobs.listening(job_id) as events:
        next(event for event in events if event.type == "trace")
    jobs.post(f"/{job_id}/cancel")
    cost = jobs.ended(job_id)["result"]["usage"]["total_tokens"]
    with connect(shared.store_url, most=1) as store:
        assert AccessKeys(store).spent(token.split("-")[2], time.time()).tokens == cost > 0
    jobs.stop()


def test_the_batch_of_a_revoked_key_is_cancelled(shared: Service, upstream: ScriptedUpstream) -> None:
    token = made_for(shared, daily_tokens=1)
    client = OpenAI(base_url=shared.base_url, api_key=token)
    batch = hand_in(client, [line(str(number)) for number in range(300)])
    owner = token.split("-")[2]
    with connect(shared.store_url, most=1) as store:
        access = AccessKeys(store)
        key = access.find(owner)
        assert key
        access.revoke(key)
        while not store.hget(f"chorus:batch:{batch.id}", "end"):
            store.ping()
        assert store.hget(f"chorus:batch:{batch.id}", "end") == b'"cancelled"'
    client.close()
