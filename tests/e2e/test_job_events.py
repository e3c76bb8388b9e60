"""What happens in a job, told as it happens and once more to whoever comes back."""

import pytest
from asking import in_turn
from jobs import Jobs
from scripted_upstream import Call, Reply, ScriptedUpstream, hang, text

ONLINE = {"tts_mode": "online", "tts_budget": 6, "tts_warmup": 3, "tts_window_size": 4}


def each_its_own(call: Call) -> Reply:
    return text(f"{'word ' * 20}\\boxed{{{call.index}}}")


def test_events_are_typed_and_end_with_the_end(jobs: Jobs) -> None:
    told = jobs.events(jobs.begun(tts_budget=2))
    assert [event.type for event in told] == ["round", "trace", "trace", "end"]
    assert told[0].data == {"number": 0, "traces": 2, "judge_calls": 0}
    assert (told[-1].data["status"], told[-1].data["stopped_by"]) == ("completed", "complete")
    assert told[-1].data["usage"]["total_tokens"] > 0


def test_a_threshold_is_told_before_what_it_stops(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = each_its_own
    told = jobs.events(jobs.begun(**ONLINE))
    found = next(event.data for event in told if event.type == "threshold")
    assert found["number"] == 1
    assert found["stop_below"] == pytest.approx(15.0)
    assert [event.data["number"] for event in told if event.type == "round"] == [0, 1]


def test_a_trace_is_told_as_the_list_of_traces_shows_it(jobs: Jobs) -> None:
    job = jobs.done(tts_budget=1)
    told = next(event.data for event in jobs.events(job["id"]) if event.type == "trace")
    listed = jobs.get(f"/{job['id']}/traces").json()["data"][0]
    assert told == {name: value for name, value in listed.items() if name in told}
    assert set(listed) - set(told) == {"text", "reasoning", "tool_calls", "voted"}


def test_a_single_trace_that_streams_is_told_word_by_word(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text("It is well known that \\boxed{42}")
    told = jobs.events(jobs.begun(tts_strategy="single", stream=True))
    pieces = [event.data["delta"].get("content", "") for event in told if event.type == "delta"]
    assert "".join(pieces) == "It is well known that \\boxed{42}"


def test_a_client_that_comes_back_misses_nothing_and_hears_nothing_twice(jobs: Jobs) -> None:
    job_id = jobs.begun(tts_budget=3)
    with jobs.listening(job_id) as events:
        first = [next(events), next(events)]
    rest = jobs.events(job_id, after=first[-1].id)
    assert first + rest == jobs.events(job_id)


def test_the_place_may_be_a_parameter_too(jobs: Jobs) -> None:
    job_id = jobs.done(tts_budget=2)["id"]
    told = jobs.events(job_id)
    answer = jobs.get(f"/{job_id}/events", after=told[-2].id)
    assert answer.text.count("event: ") == 1
    assert f"id: {told[-1].id}\nevent: end\n" in answer.text


def test_after_the_end_there_is_nothing_to_come_back_for(jobs: Jobs) -> None:
    job_id = jobs.begun(tts_budget=1)
    last = jobs.events(job_id)[-1]
    assert jobs.get(f"/{job_id}/events", after=last.id).status_code == 204


@pytest.mark.parametrize("place", ["x", "1", "1-", "-1-0", "18446744073709551616-0", "1-1\u0660"])
def test_a_place_that_cannot_be_is_refused(jobs: Jobs, place: str) -> None:
    answer = jobs.get(f"/{jobs.done(tts_budget=1)['id']}/events", after=place)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "after")


def test_signs_of_life_come_while_nothing_happens(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: hang()
    with jobs.http.stream("GET", f"/jobs/{jobs.begun(tts_budget=1)}/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert [line for line in (next(lines) for _ in range(8)) if line.startswith(":")]


def test_a_listener_that_goes_away_leaves_the_job_alone(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(text("\\boxed{42}"), text("word " * 20 + "\\boxed{42}", token_s=0.15))
    job_id = jobs.begun(tts_budget=2)
    with jobs.listening(job_id) as events:
        next(events)
    job = jobs.ended(job_id)
    assert (job["status"], job["progress"]["traces"]["done"]) == ("completed", 2)


def test_several_listeners_hear_the_same(jobs: Jobs) -> None:
    job_id = jobs.begun(tts_budget=4)
    with jobs.listening(job_id) as one, jobs.listening(job_id) as other:
        assert list(one) == list(other)


def test_a_cancelled_job_says_so_at_its_end(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: hang(after_tokens=3)
    job_id = jobs.begun(tts_budget=1)
    jobs.post(f"/{job_id}/cancel")
    end = jobs.events(job_id)[-1].data
    assert (end["status"], end["stopped_by"]) == ("cancelled", "cancelled")
