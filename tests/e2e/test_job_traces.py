"""Every trace of a job, page by page."""

import pytest
from asking import in_turn
from jobs import Jobs
from scripted_upstream import PROMPT_TOKENS, ScriptedUpstream, error, hang, reasoning, text


def test_a_trace_is_shown_with_all_that_is_known_of_it(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: reasoning("\\boxed{42}", "six by seven")
    trace = jobs.get(f"/{jobs.done(tts_budget=1)['id']}/traces").json()["data"][0]
    said = (trace["index"], trace["round"], trace["text"], trace["reasoning"], trace["answer"])
    assert said == (0, 0, "\\boxed{42}", "six by seven", "42")
    assert set(trace["confidence"]) == {"mean", "tail", "bottom10", "lowest_group"}
    assert (trace["finish_reason"], trace["stop_reason"], trace["attempts"]) == ("stop", None, 1)
    assert (trace["voted"], trace["error"]) == (True, None)
    assert trace["usage"]["prompt_tokens"] == PROMPT_TOKENS
    assert 0 < trace["first_token_s"] <= trace["elapsed_s"]


def test_a_failed_trace_tells_why(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(text("\\boxed{42}"), error(400, message="Not this one."))
    job = jobs.done(tts_budget=2)
    traces = jobs.get(f"/{job['id']}/traces").json()["data"]
    failed = next(trace for trace in traces if trace["finish_reason"] == "failed")
    assert "Not this one." in failed["error"]
    assert (failed["voted"], failed["answer"]) == (False, None)


def test_traces_are_read_page_by_page(jobs: Jobs) -> None:
    job_id = jobs.done(tts_budget=5)["id"]
    first = jobs.get(f"/{job_id}/traces", limit=2).json()
    rest = jobs.get(f"/{job_id}/traces", after=first["last_id"]).json()
    assert [trace["index"] for trace in first["data"]] == [0, 1]
    assert [trace["index"] for trace in rest["data"]] == [2, 3, 4]
    assert (first["has_more"], rest["has_more"]) == (True, False)


def test_traces_that_have_ended_are_shown_while_others_run(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(text("\\boxed{42}"), hang(after_tokens=3))
    job_id = jobs.begun(tts_budget=2)
    with jobs.listening(job_id) as events:
        next(event for event in events if event.type == "trace")
    found = jobs.get(f"/{job_id}/traces").json()["data"]
    assert [(trace["answer"], trace["voted"]) for trace in found] == [("42", None)]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"after": "x"}])
def test_a_page_that_cannot_be_is_refused(jobs: Jobs, query: dict[str, object]) -> None:
    answer = jobs.get(f"/{jobs.done(tts_budget=1)['id']}/traces", **query)
    assert (answer.status_code, answer.json()["error"]["param"] in query) == (400, True)


def test_the_confidence_of_every_token_is_told_when_it_is_asked_for_and_kept(jobs: Jobs) -> None:
    kept = jobs.done(tts_mode="online", tts_budget=1)["id"]
    unkept = jobs.done(tts_budget=1)["id"]
    told = [jobs.get(f"/{job}/traces", confidences="true").json()["data"][0] for job in (kept, unkept)]
    assert len(told[0]["token_confidences"]) == told[0]["tokens"]
    assert told[1]["token_confidences"] is None
    assert "token_confidences" not in jobs.get(f"/{kept}/traces").json()["data"][0]


def test_log_probabilities_are_told_when_the_job_asked_for_them_and_the_reader_does(jobs: Jobs) -> None:
    kept = jobs.done(tts_budget=1, logprobs=True, top_logprobs=3)["id"]
    unkept = jobs.done(tts_budget=1)["id"]
    told = [jobs.get(f"/{job}/traces", logprobs="true").json()["data"][0] for job in (kept, unkept)]
    content = told[0]["logprobs"]["content"]
    assert "".join(entry["token"] for entry in content) == told[0]["text"]
    assert {len(entry["top_logprobs"]) for entry in content} == {3}
    assert told[1]["logprobs"] is None
    assert "logprobs" not in jobs.get(f"/{kept}/traces").json()["data"][0]


@pytest.mark.parametrize("window", [None, 4])
def test_confidences_that_are_to_be_kept_are_kept_in_the_warm_up_as_well(
    jobs: Jobs, window: int | None
) -> None:
    fixed = {"tts_window_size": window} if window else {}
    job = jobs.done(tts_mode="online", tts_budget=4, tts_warmup=2, tts_keep_confidences=True, **fixed)
    traces = jobs.get(f"/{job['id']}/traces", confidences="true").json()["data"]
    kept = [len(trace["token_confidences"] or ()) for trace in traces]
    assert kept == [trace["tokens"] for trace in traces]


def test_the_curve_of_a_trace_that_is_being_written_is_told(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(text("\\boxed{42}"), hang(after_tokens=3))
    job_id = jobs.begun(tts_budget=2, tts_keep_confidences=True)
    [curve] = jobs.until(job_id, lambda job: job["progress"]["curves"])["progress"]["curves"]
    assert (curve["tokens_per_point"], len(curve["confidences"])) == (1, 3)
    ended = jobs.get(f"/{job_id}/traces").json()["data"]
    assert curve["index"] not in {trace["index"] for trace in ended}


def test_curves_are_told_only_of_jobs_that_keep_them(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: hang(after_tokens=3)
    job_id = jobs.begun(tts_budget=1)
    shown = jobs.until(job_id, lambda job: job["progress"]["tokens"] == 3)
    assert shown["progress"]["curves"] == []
