"""Endpoints are told, signed and more than once if need be, of what has ended; no others ever are."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from asking import QUESTION, post
from batching import hand_in, line, until
from chaos.faults import Fleet
from jobs import Jobs
from openai import BadRequestError, OpenAI
from receiving import HANG, OTHER_SECRET, SECRET, Receiver
from scripted_upstream import ScriptedUpstream, error
from service import Service, running

RETRIES = 3
PATIENCE_S = 30.0
PROMPT = QUESTION[0]["content"]
SAID = "The answer is"


@pytest.fixture(scope="module")
def receiver_server() -> Iterator[Receiver]:
    """Where the endpoints are."""
    with Receiver() as found:
        yield found


@pytest.fixture(scope="module")
def telling(
    upstream_server: ScriptedUpstream,
    receiver_server: Receiver,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """A service with a named endpoint, and an origin under which clients may name any URL."""
    settings = {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "UPSTREAM_RETRIES": "0",
        "DEFAULT_MODEL": "m",
        "PROBE_MODELS": "false",
        "WEBHOOKS": f"crm={receiver_server.origin}/crm?team=7",
        "WEBHOOK_HOSTS": receiver_server.origin,
        "WEBHOOK_SECRET": f"{SECRET},crm={OTHER_SECRET}",
        "WEBHOOK_RETRIES_S": ",".join(["0.2"] * RETRIES),
        "WEBHOOK_TIMEOUT_S": "0.5",
    }
    with running(tmp_path_factory.mktemp("telling"), settings) as found:
        yield found


@pytest.fixture
def receiver(receiver_server: Receiver) -> Receiver:
    """The receiver, which takes everything."""
    receiver_server.answer(200)
    return receiver_server


@pytest.fixture
def jobs(telling: Service, upstream: ScriptedUpstream) -> Iterator[Jobs]:
    """The service's jobs."""
    found = Jobs(telling.url)
    yield found
    found.stop()


@pytest.fixture
def sdk(telling: Service) -> Iterator[OpenAI]:
    """The official SDK, which knows the secret."""
    with OpenAI(base_url=telling.base_url, api_key="any", max_retries=0, webhook_secret=SECRET) as found:
        yield found


def settled(jobs: Jobs, job_id: str) -> dict[str, Any]:
    """What a job shows of its webhook once that is done with. Raises TimeoutError."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        webhook: dict[str, Any] = jobs.show(job_id)["webhook"]
        if webhook["status"] != "pending":
            return webhook
        time.sleep(0.05)
    raise TimeoutError(webhook)


def test_the_end_of_a_job_is_told_and_signed(jobs: Jobs, receiver: Receiver) -> None:
    job_id = jobs.begun(webhook="crm", tts_budget=2, metadata={"order": "7"})
    (hook,) = receiver.wait_for(1)
    assert hook.path == "/crm?team=7"
    assert hook.is_signed(OTHER_SECRET)
    assert not hook.is_signed(SECRET)
    assert hook.event["type"] == "job.completed"
    assert hook.event["data"]["id"] == job_id
    assert hook.event["data"]["metadata"] == {"order": "7"}
    done = {"status": "delivered", "attempts": 1, "last_status": 200, "last_error": None}
    assert settled(jobs, job_id) == {"name": "crm", **done, "next_attempt_at": None}


def test_an_event_has_no_question_no_answer_and_no_text_of_an_error(
    jobs: Jobs, upstream: ScriptedUpstream, receiver: Receiver
) -> None:
    jobs.begun(webhook="crm", tts_strategy="single")
    receiver.wait_for(1)
    upstream.reply = lambda call: error(500, message=f"{PROMPT} is too hard")
    jobs.begun(webhook="crm", tts_strategy="single")
    answered, failed = receiver.wait_for(2)
    assert failed.event["type"] == "job.failed"
    for word in (PROMPT, SAID, "42"):
        assert word not in str(answered.event["data"] | {"id": ""})
        assert word not in str(failed.event["data"]["error"])


def test_what_was_not_taken_is_sent_again_under_the_same_id(jobs: Jobs, receiver: Receiver) -> None:
    receiver.answer(500, 200)
    job_id = jobs.begun(webhook=f"{receiver.origin}/any", tts_strategy="single")
    first, second = receiver.wait_for(2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert second.is_signed()
    found = settled(jobs, job_id)
    assert found["url"] == f"{receiver.origin}/any"
    assert (found["status"], found["attempts"], found["last_status"]) == ("delivered", 2, 200)


def test_a_redirect_is_a_failure_and_is_not_followed(jobs: Jobs, receiver: Receiver) -> None:
    receiver.elsewhere = f"{receiver.origin}/elsewhere"
    receiver.answer(307)
    job_id = jobs.begun(webhook=f"{receiver.origin}/moved", tts_strategy="single")
    found = settled(jobs, job_id)
    assert (found["status"], found["attempts"]) == ("failed", RETRIES + 1)
    assert found["last_status"] == 307
    assert {hook.path for hook in receiver.hooks} == {"/moved"}


def test_an_event_arrives_although_the_process_that_sent_it_was_killed(
    telling: Service, jobs: Jobs, receiver: Receiver
) -> None:
    receiver.answer(HANG, 200)
    job_id = jobs.begun(webhook="crm", tts_strategy="single")
    receiver.wait_for(1)
    Fleet(telling, samplers=1).control.kill()
    first, second = receiver.wait_for(2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert settled(jobs, job_id)["status"] == "delivered"


@pytest.mark.parametrize(
    "word",
    [
        "erp",
        "",
        7,
        "http://127.0.0.1:6379/",
        "http://169.254.169.254/latest/meta-data",
        "https://{host}/",
        "http://{host}@evil.example/",
        "http://evil.example/?http://{host}",
        "http://{host}\\@evil.example/",
        "http://{host}/\r\nX-Evil: 1",
        "file:///etc/passwd",
    ],
)
def test_an_endpoint_that_is_not_listed_is_refused_before_anything_is_paid(
    telling: Service, upstream: ScriptedUpstream, receiver: Receiver, word: Any
) -> None:
    host = receiver.origin.removeprefix("http://")
    named = word.replace("{host}", host) if isinstance(word, str) else word
    refused = [
        post(telling.url, "/v1/jobs", webhook=named),
        post(telling.url, "/v1/responses", messages=None, input="hi", background=True, webhook=named),
    ]
    assert [answer.status_code for answer in refused] == [400, 400]
    assert {answer.json()["error"]["param"] for answer in refused} == {"webhook"}
    assert upstream.calls == []


def test_who_waits_for_a_response_has_no_webhook(telling: Service, upstream: ScriptedUpstream) -> None:
    refused = post(telling.url, "/v1/responses", messages=None, input="hi", webhook="crm")
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "webhook"
    assert upstream.calls == []


def test_the_sdk_reads_the_event_of_a_background_response(
    sdk: OpenAI, upstream: ScriptedUpstream, receiver: Receiver
) -> None:
    extra = {"webhook": f"{receiver.origin}/responses", "tts_strategy": "single"}
    response = sdk.responses.create(model="m", input="hi", background=True, extra_body=extra)
    (hook,) = receiver.wait_for(1)
    event = sdk.webhooks.unwrap(hook.body, hook.headers)
    assert event.type == "response.completed"
    assert event.data.id == response.id


def test_the_sdk_reads_the_event_of_a_batch(
    sdk: OpenAI, upstream: ScriptedUpstream, receiver: Receiver
) -> None:
    extra = {"webhook": f"{receiver.origin}/batches"}
    batch = hand_in(sdk, [line("one"), line("two", temperature=9)], extra_body=extra)
    (hook,) = receiver.wait_for(1)
    event = sdk.webhooks.unwrap(hook.body, hook.headers)
    assert event.type == "batch.completed"
    assert event.data.id == batch.id
    assert hook.event["data"]["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
    assert until(sdk, batch.id, lambda found: found.webhook["status"] == "delivered")


def test_the_sdk_reads_the_event_of_a_batch_that_could_not_be_used(
    sdk: OpenAI, upstream: ScriptedUpstream, receiver: Receiver
) -> None:
    batch = hand_in(sdk, ["no json"], extra_body={"webhook": f"{receiver.origin}/batches"})
    (hook,) = receiver.wait_for(1)
    event = sdk.webhooks.unwrap(hook.body, hook.headers)
    assert (event.type, event.data.id) == ("batch.failed", batch.id)


def test_a_batch_has_no_endpoint_that_is_not_listed(sdk: OpenAI) -> None:
    with pytest.raises(BadRequestError) as refused:
        hand_in(sdk, [line("one")], extra_body={"webhook": "erp"})
    assert (refused.value.param, refused.value.code) == ("webhook", "webhook_not_allowed")


def test_the_secrets_are_written_down_nowhere(telling: Service, jobs: Jobs, receiver: Receiver) -> None:
    jobs.begun(webhook="crm", tts_strategy="single")
    receiver.wait_for(1)
    written = [telling.log, *(path for path in telling.data_dir.rglob("*") if path.is_file())]
    for secret in (SECRET, OTHER_SECRET):
        assert not [path for path in written if secret.removeprefix("whsec_").encode() in path.read_bytes()]
