"""A job that goes on where another one ended pays only for what is new."""

from typing import Any

import pytest
from asking import in_turn
from jobs import Jobs
from scripted_upstream import PROMPT_TOKENS, ScriptedUpstream, error, hang, text


def metadata(job: dict[str, Any]) -> dict[str, Any]:
    return dict(job["result"]["choices"][0]["tts_metadata"])


def extended(jobs: Jobs, job: dict[str, Any], traces: int) -> dict[str, Any]:
    """The job that goes on where `job` ended, once it has ended too."""
    answer = jobs.post(f"/{job['id']}/extend", traces=traces).raise_for_status()
    assert answer.headers["location"] == f"/v1/jobs/{answer.json()['id']}"
    return jobs.ended(answer.json()["id"])


def test_only_the_new_traces_are_sampled_and_all_vote(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    old = jobs.done(tts_budget=3, tts_filter_method="none")
    upstream.reset()
    new = extended(jobs, old, 2)
    assert len(upstream.calls) == 2
    assert (metadata(new)["num_traces"], metadata(new)["traces_used"]) == (5, 5)
    assert (metadata(new)["traces_reused"], metadata(new)["extends"]) == (3, old["id"])
    assert (new["extends"], new["id"] != old["id"]) == (old["id"], True)


def test_usage_is_that_of_the_new_calls(jobs: Jobs) -> None:
    new = extended(jobs, jobs.done(tts_budget=3), 2)
    assert new["usage"]["prompt_tokens"] == 2 * PROMPT_TOKENS


def test_what_was_taken_over_is_whole(jobs: Jobs) -> None:
    old = jobs.done(tts_budget=2)
    new = extended(jobs, old, 1)
    before, after = (jobs.get(f"/{job['id']}/traces").json()["data"] for job in (old, new))
    for was, found in zip(before, after, strict=False):
        same = ("index", "round", "text", "answer", "confidence", "tokens", "elapsed_s")
        assert [was[name] for name in same] == [found[name] for name in same]
        assert (found["attempts"], found["usage"]["total_tokens"]) == (0, 0)
    assert after[2]["attempts"] == 1


def test_the_old_job_stays_as_it_was(jobs: Jobs) -> None:
    old = jobs.done(tts_budget=2)
    extended(jobs, old, 1)
    assert jobs.show(old["id"]) == old


def test_what_had_failed_or_was_cut_off_is_sampled_anew(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(text("\\boxed{42}"), error(400), hang(after_tokens=2))
    job_id = jobs.begun(tts_budget=3)
    with jobs.listening(job_id) as events:
        ended = [next(event for event in events if event.type == "trace") for _ in range(2)]
    upstream.wait_for(lambda calls: len(calls) == 3 and calls[2].tokens_sent == 2)
    old = jobs.post(f"/{job_id}/cancel").json()
    upstream.reset()
    upstream.reply = lambda _call: text("\\boxed{42}")
    new = extended(jobs, old, 1)
    assert (len(ended), len(upstream.calls)) == (2, 3)
    assert (metadata(new)["num_traces"], metadata(new)["traces_reused"]) == (4, 1)


def test_a_warmup_stays_what_it_was(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: text("word " * 40 + f"\\boxed{{{call.index}}}")
    old = jobs.done(tts_mode="online", tts_budget=4, tts_consensus=1.0)
    upstream.reset()
    new = extended(jobs, old, 8)
    assert len(upstream.calls) == 8
    assert metadata(new)["threshold"] == metadata(old)["threshold"]
    assert metadata(new)["window_tokens"] == metadata(old)["window_tokens"]
    rounds = [trace["round"] for trace in jobs.get(f"/{new['id']}/traces").json()["data"]]
    assert rounds == [0] * 2 + [1] * 10


def test_nothing_more_is_sampled_once_the_old_traces_decide(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    old = jobs.done(tts_strategy="adaptive_consistency", tts_budget=8)
    upstream.reset()
    new = extended(jobs, old, 8)
    assert not upstream.calls
    assert (metadata(new)["answer"], metadata(new)["stopped_by"]) == ("42", "consensus")


def test_an_extended_job_can_be_extended_again(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    once = extended(jobs, jobs.done(tts_budget=2), 2)
    upstream.reset()
    assert metadata(extended(jobs, once, 2))["traces_reused"] == 4
    assert len(upstream.calls) == 2


def test_all_of_a_large_job_is_taken_over(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    old = jobs.done(tts_budget=150)
    upstream.reset()
    assert metadata(extended(jobs, old, 1))["traces_reused"] == 150
    assert len(upstream.calls) == 1


def test_a_key_makes_extending_happen_once(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    old = jobs.done(tts_budget=2)
    upstream.reset()
    first, again = (jobs.post(f"/{old['id']}/extend", key="more", traces=1).json() for _ in "12")
    jobs.ended(first["id"])
    assert first["id"] == again["id"]
    assert len(upstream.calls) == 1


def test_the_events_of_an_extended_job_tell_of_all_its_traces(jobs: Jobs) -> None:
    new = extended(jobs, jobs.done(tts_budget=2), 1)
    told = [event.data for event in jobs.events(new["id"]) if event.type == "trace"]
    assert sorted(trace["index"] for trace in told) == [0, 1, 2]


@pytest.mark.parametrize("traces", [0, -1, "3", 1.5, True, 511])
def test_a_number_of_traces_that_cannot_be_is_refused(jobs: Jobs, traces: object) -> None:
    answer = jobs.post(f"/{jobs.done(tts_budget=2)['id']}/extend", traces=traces)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "traces")


def test_a_strategy_without_a_budget_is_refused(jobs: Jobs) -> None:
    answer = jobs.post(f"/{jobs.done(tts_strategy='single')['id']}/extend", traces=1)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "strategy_not_extendable")


def test_a_job_that_goes_on_is_not_extended(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: hang()
    answer = jobs.post(f"/{jobs.begun(tts_budget=1)}/extend", traces=1)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "job_not_ended")
