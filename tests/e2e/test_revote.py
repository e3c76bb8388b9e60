"""A job's traces vote again, in another way, for nothing."""

from typing import Any

import pytest
from asking import in_turn
from jobs import Jobs
from scripted_upstream import Call, Reply, ScriptedUpstream, error, hang, text

SURE, UNSURE = text("\\boxed{42}", confidence=18.0), text("\\boxed{7}", confidence=9.0)
SEEDS_APART = 1_000_003  # from one trace to the next
FREE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


def sampled(jobs: Jobs, upstream: ScriptedUpstream, *replies: Reply, **changes: Any) -> dict[str, Any]:
    """A job over these traces that has ended, its upstream's record empty again."""
    upstream.reply = in_turn(*replies)
    job = jobs.done(tts_budget=len(replies), **changes)
    upstream.reset()
    return job


def revote(jobs: Jobs, job: dict[str, Any], **body: Any) -> dict[str, Any]:
    """The completion."""
    return dict(jobs.post(f"/{job['id']}/revote", **body).raise_for_status().json())


def metadata(completion: dict[str, Any]) -> dict[str, Any]:
    return dict(completion["choices"][0]["tts_metadata"])


def test_another_strategy_votes_without_an_upstream_call(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    job = sampled(jobs, upstream, SURE, UNSURE, UNSURE, tts_filter_method="top1")
    again = revote(jobs, job, tts_strategy="self_consistency")
    assert metadata(job["result"])["answer"] == "42"
    assert (metadata(again)["answer"], metadata(again)["strategy"]) == ("7", "self_consistency")
    assert (again["object"], again["choices"][0]["message"]["content"]) == ("chat.completion", "\\boxed{7}")
    assert not upstream.calls


def test_a_revote_costs_nothing_and_names_its_job(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    job = sampled(jobs, upstream, SURE, UNSURE)
    again = revote(jobs, job)
    assert {name: again["usage"][name] for name in FREE} == FREE
    assert (metadata(again)["revote_of"], metadata(again)["job_id"]) == (job["id"], job["id"])
    assert again["id"] != job["result"]["id"]


def test_what_is_left_out_is_as_it_was(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    job = sampled(jobs, upstream, SURE, UNSURE, UNSURE, UNSURE, tts_filter_method="top10%", n=2)
    before, again = job["result"], revote(jobs, job)
    assert metadata(again)["answer_distribution"] == metadata(before)["answer_distribution"]
    assert [choice["message"] for choice in again["choices"]] == [
        choice["message"] for choice in before["choices"]
    ]


def test_a_filter_and_a_confidence_can_be_changed(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    job = sampled(jobs, upstream, SURE, UNSURE, UNSURE, UNSURE)
    again = metadata(revote(jobs, job, tts_filter_method="top1", tts_confidence="mean"))
    assert (again["traces_used"], again["answer"]) == (1, "42")
    assert again["confidence"] == pytest.approx(18.0)


def test_a_smaller_budget_takes_the_first_traces(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    job = sampled(jobs, upstream, *[SURE] * 4)
    again = metadata(revote(jobs, job, tts_budget=2, tts_include_traces=True))
    assert [trace["index"] for trace in again["traces"]] == [0, 1]
    assert again["traces"][0]["text"] == "\\boxed{42}"


def test_an_offline_job_can_be_played_online(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    sure = text("sure " * 10 + "\\boxed{42}", confidence=18.0)
    weak = text("weak " * 10 + "\\boxed{7}", confidence=4.0)
    other = text("other " * 10 + "\\boxed{8}", confidence=18.0)

    def reply(call: Call) -> Reply:
        return (sure, other, sure, other, weak, weak)[call.body["seed"] // SEEDS_APART]

    upstream.reply = reply
    job = jobs.done(tts_budget=6, tts_window_size=4, seed=0)
    asked = {"tts_mode": "online", "tts_warmup": 4, "tts_consensus": 1.0}
    again = metadata(revote(jobs, job, **asked))
    assert (again["mode"], again["num_traces"], again["rounds"]) == ("online", 6, 2)
    assert again["threshold"] == pytest.approx(18.0)
    assert again["traces_stopped_early"] == 2


def test_an_online_job_played_again_votes_the_same(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: text("word " * 40 + f"\\boxed{{{call.index % 3}}}")
    job = jobs.done(tts_mode="online", tts_budget=8, tts_consensus=1.0)
    before, again = metadata(job["result"]), metadata(revote(jobs, job))
    for name in ("answer_distribution", "threshold", "window_tokens", "rounds", "confidence"):
        assert again[name] == before[name], name


def test_a_group_size_that_was_not_kept_is_refused(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    job = sampled(jobs, upstream, SURE)
    answer = jobs.post(f"/{job['id']}/revote", tts_window_size=8)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tts_window_size")
    assert revote(jobs, job, tts_window_size=2048)


def test_a_cancelled_job_can_vote_with_what_it_has(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(SURE, hang(after_tokens=3))
    job_id = jobs.begun(tts_budget=2)
    with jobs.listening(job_id) as events:
        next(event for event in events if event.type == "trace")
    upstream.wait_for(lambda calls: len(calls) == 2)
    again = metadata(revote(jobs, jobs.post(f"/{job_id}/cancel").json()))
    assert again["answer"] == "42"
    assert "1 of the 2 stored traces" in again["warnings"][0]


def test_a_job_that_goes_on_cannot_vote_again(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: hang()
    answer = jobs.post(f"/{jobs.begun(tts_budget=1)}/revote")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "job_not_ended")


def test_a_job_without_a_usable_trace_cannot_vote_again(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    job = sampled(jobs, upstream, error(400))
    answer = jobs.post(f"/{job['id']}/revote")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_usable_trace")


@pytest.mark.parametrize(
    "body",
    [
        {"tts_strategy": "majority"},
        {"tts_filter_method": "best"},
        {"tts_budgt": 3},
        {"temperature": 0.1},
        {"messages": []},
        {"n": 0},
    ],
)
def test_a_vote_that_cannot_be_is_refused_and_the_field_named(
    jobs: Jobs, upstream: ScriptedUpstream, body: dict[str, Any]
) -> None:
    answer = jobs.post(f"/{sampled(jobs, upstream, SURE)['id']}/revote", **body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, next(iter(body)))
