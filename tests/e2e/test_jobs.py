"""Jobs: handed in, looked at, listed, cancelled, deleted."""

import pytest
from asking import QUESTION, in_turn, post
from jobs import Jobs
from scripted_upstream import ScriptedUpstream, error, hang, text
from service import Service

SLOW = text("word " * 200 + "\\boxed{42}", token_s=0.05)


def test_a_job_is_accepted_before_it_is_done(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: hang()
    answer = jobs.submit(tts_budget=2)
    job = answer.json()
    assert (answer.status_code, job["object"], job["result"]) == (202, "job", None)
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert int(answer.headers["retry-after"]) >= 1
    assert job["status"] in ("queued", "in_progress")


def test_a_job_ends_with_the_whole_completion(jobs: Jobs) -> None:
    job = jobs.done(tts_budget=3, tts_include_traces=True, metadata={"who": "me"})
    choice = job["result"]["choices"][0]
    assert (job["status"], job["error"], job["metadata"]) == ("completed", None, {"who": "me"})
    assert choice["message"]["content"] == "The answer is \\boxed{42}."
    assert choice["tts_metadata"]["job_id"] == job["id"]
    assert job["usage"] == job["result"]["usage"]
    assert job["created_at"] <= job["completed_at"] < job["expires_at"]


@pytest.mark.parametrize("strategy", ["deepconf", "self_consistency", "single"])
def test_a_job_tells_its_request_as_one_that_can_be_sent_again(jobs: Jobs, strategy: str) -> None:
    asked = jobs.done(tts_strategy=strategy, temperature=0.3, top_k=4, logprobs=True)["request"]
    again = jobs.done(**asked)["request"]
    assert (asked["messages"], asked["temperature"], asked["top_k"]) == (QUESTION, 0.3, 4)
    assert again == asked
    assert jobs.get().json()["data"][0]["request"] is None


def test_a_job_that_is_done_tells_nobody_to_come_back(jobs: Jobs) -> None:
    assert "retry-after" not in jobs.get(f"/{jobs.done(tts_budget=1)['id']}").headers


def test_progress_counts_what_is_done_runs_and_failed(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: (error(400), text("\\boxed{42}"), SLOW, SLOW)[call.index]
    job_id = jobs.begun(tts_budget=4)
    with jobs.listening(job_id) as events:
        ended = [next(event for event in events if event.type == "trace") for _ in range(2)]
    assert len(ended) == 2
    upstream.wait_for(lambda calls: len(calls) == 4 and all(c.tokens_sent > 30 for c in calls[2:]))
    job = jobs.show(job_id)
    progress = job["progress"]
    assert job["status"] == "in_progress"
    assert progress["traces"] == {"planned": 4, "done": 1, "running": 2, "failed": 1, "stopped": 0}
    assert (progress["leader"], progress["agreement"], progress["rounds"]) == ("42", 1.0, 1)
    assert progress["tokens"] > 10
    assert progress["eta_s"] == 0.0


def test_nobody_knows_how_long_it_takes_before_a_trace_has_finished(
    jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: hang()
    assert jobs.show(jobs.begun(tts_budget=2))["progress"]["eta_s"] is None


def test_a_job_fails_as_a_synchronous_call_would(
    jobs: Jobs, service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: error(400, message="No such thing.")
    job = jobs.done(tts_budget=1)
    assert (job["status"], job["result"]) == ("failed", None)
    assert job["error"] == post(service.url, tts_budget=1).json()["error"]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"temperature": 3}, 400, "temperature"),
        ({"tts_budgt": 3}, 400, "tts_budgt"),
        ({"tts_strategy": "majority"}, 400, "tts_strategy"),
        ({"messages": []}, 400, "messages"),
        ({"model": "unheard-of"}, 404, "model"),
    ],
)
def test_a_bad_question_is_refused_before_anything_is_paid(
    jobs: Jobs, upstream: ScriptedUpstream, body: dict[str, object], status: int, param: str
) -> None:
    answer = jobs.submit(**body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
    assert not upstream.calls


def test_the_same_key_and_body_are_the_same_job(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    first = jobs.submit(key="once-a", tts_budget=2).json()["id"]
    jobs.ended(first)
    again = jobs.submit(key="once-a", tts_budget=2)
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (202, first, "completed")
    assert len(upstream.calls) == 2


def test_a_key_is_not_for_two_bodies(jobs: Jobs) -> None:
    jobs.submit(key="once-b", tts_budget=1)
    answer = jobs.submit(key="once-b", tts_budget=2)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reused")


def test_a_key_of_a_deleted_job_begins_nothing_new(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    job_id = jobs.submit(key="once-c", tts_budget=1).json()["id"]
    jobs.ended(job_id)
    jobs.http.delete(f"/jobs/{job_id}")
    assert jobs.submit(key="once-c", tts_budget=1).status_code == 410
    assert len(upstream.calls) == 1


def test_without_a_key_every_request_is_a_job(jobs: Jobs) -> None:
    assert jobs.begun(tts_budget=1) != jobs.begun(tts_budget=1)


def test_cancelling_closes_what_runs_and_keeps_what_was_paid_for(
    jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = in_turn(text("\\boxed{42}"), hang(after_tokens=3))
    job_id = jobs.begun(tts_budget=2)
    with jobs.listening(job_id) as events:
        next(event for event in events if event.type == "trace")
    upstream.wait_for(lambda calls: len(calls) == 2)
    job = jobs.post(f"/{job_id}/cancel").json()
    upstream.wait_for(lambda calls: calls[1].aborted)
    assert (job["status"], job["error"]) == ("cancelled", None)
    assert job["result"]["choices"][0]["tts_metadata"]["stopped_by"] == "cancelled"
    assert job["progress"]["traces"]["done"] == 1


def test_a_job_cancelled_with_nothing_finished_has_no_result(
    jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: hang(after_tokens=3)
    job = jobs.post(f"/{jobs.begun(tts_budget=2)}/cancel").json()
    assert (job["status"], job["result"], job["error"]) == ("cancelled", None, None)


def test_cancelling_twice_or_too_late_changes_nothing(jobs: Jobs) -> None:
    job = jobs.done(tts_budget=1)
    for _ in range(2):
        answer = jobs.post(f"/{job['id']}/cancel")
        assert (answer.status_code, answer.json()) == (200, job)


def test_a_job_is_listed_once_newest_first_without_its_result(jobs: Jobs) -> None:
    made = [jobs.done(tts_budget=1)["id"] for _ in range(3)]
    found = jobs.get(limit=3).json()
    assert [job["id"] for job in found["data"]] == made[::-1]
    assert (found["first_id"], found["last_id"], found["has_more"]) == (made[2], made[0], True)
    assert {job["result"] for job in found["data"]} == {None}


def test_a_list_is_read_page_by_page(jobs: Jobs) -> None:
    made = [jobs.done(tts_budget=1)["id"] for _ in range(3)]
    page = jobs.get(limit=2, after=made[2]).json()["data"]
    assert [job["id"] for job in page] == [made[1], made[0]]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"limit": "many"}, {"after": "no-such"}])
def test_a_page_that_cannot_be_is_refused(jobs: Jobs, query: dict[str, object]) -> None:
    answer = jobs.get(**query)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["param"] in query


def test_a_synchronous_call_is_a_job_too(jobs: Jobs, service: Service) -> None:
    told = post(service.url, tts_budget=2).json()
    job = jobs.show(told["choices"][0]["tts_metadata"]["job_id"])
    assert (job["source"], job["status"]) == ("chat", "completed")
    assert job["result"]["choices"] == told["choices"]


def test_what_was_deleted_is_gone_and_what_never_was_is_not_found(jobs: Jobs) -> None:
    job_id = jobs.done(tts_budget=1)["id"]
    assert jobs.http.delete(f"/jobs/{job_id}").json() == {
        "id": job_id, "object": "job.deleted", "deleted": True,
    }  # fmt: skip
    assert jobs.get(f"/{job_id}").status_code == 410
    assert jobs.get(f"/{job_id}").json()["error"]["code"] == "job_gone"
    assert jobs.get("/0123456789abcdef").status_code == 404
    assert job_id not in [job["id"] for job in jobs.get().json()["data"]]


def test_a_job_that_goes_on_is_not_deleted(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: hang()
    answer = jobs.http.delete(f"/jobs/{jobs.begun(tts_budget=1)}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "job_not_ended")


@pytest.mark.parametrize("path", ["", "/traces", "/events"])
def test_every_route_of_an_unknown_job_is_not_found(jobs: Jobs, path: str) -> None:
    assert jobs.get(f"/nobody{path}").json()["error"]["code"] == "job_not_found"


def test_a_job_has_its_messages_reach_the_upstream(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    jobs.done(tts_strategy="single", top_k=5)
    assert upstream.calls[0].body["messages"] == QUESTION
    assert upstream.calls[0].body["top_k"] == 5


def test_a_response_is_a_job_too(jobs: Jobs, service: Service) -> None:
    response = post(service.url, "/v1/responses", messages=None, input="What is 6*7?").json()
    job = jobs.show(response["id"].removeprefix("resp_"))
    assert (job["source"], job["status"]) == ("response", "completed")
    assert job["result"]["choices"][0]["tts_metadata"]["answer"] == "42"
