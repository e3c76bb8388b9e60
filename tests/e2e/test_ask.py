"""`chorus ask`: the answer on stdout, what happens on stderr."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from asking import in_turn
from scripted_upstream import ScriptedUpstream, error, hang, text
from service import Service, clean_environment, free_port

Ask = Callable[..., subprocess.CompletedProcess[str]]
QUESTION = "What is 6*7?"


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "app.cli", "ask", *words]


@pytest.fixture
def run(service: Service, tmp_path: Path) -> Ask:
    """Ask the service from an empty folder."""

    def run_one(*words: str, stdin: str = "", url: str = "") -> subprocess.CompletedProcess[str]:
        environment = clean_environment() | {"CHORUS_URL": url or service.base_url}
        asked = command("--model", "m", *words)
        return subprocess.run(
            asked, input=stdin, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60,
            check=False,
        )  # fmt: skip

    return run_one


@pytest.fixture
def voting(upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(text("\\boxed{42}"), text("\\boxed{42}"), text("\\boxed{7}"))


@pytest.mark.usefixtures("voting")
def test_stdout_has_the_answer_alone(run: Ask) -> None:
    found = run(QUESTION, "--strategy", "self_consistency", "--budget", "3")
    assert (found.returncode, found.stdout) == (0, "\\boxed{42}\n")


@pytest.mark.usefixtures("voting")
def test_every_trace_and_the_vote_are_told_beside_it(run: Ask) -> None:
    told = run(QUESTION, "--strategy", "self_consistency", "--budget", "3").stderr
    assert "round 1: 3 traces" in told
    assert "3 of 3: " in told
    assert "3 of 3 traces voted, agreement 67%" in told


@pytest.mark.usefixtures("voting")
def test_a_question_may_be_piped_in_and_the_whole_job_read(run: Ask) -> None:
    job = json.loads(
        run("--json", "-q", "-o", "tts_budget=3", "-o", "temperature=0", stdin=QUESTION).stdout
    )
    assert (job["object"], job["status"]) == ("job", "completed")
    assert job["result"]["choices"][0]["tts_metadata"]["num_traces"] == 3


@pytest.mark.usefixtures("voting")
def test_a_streamed_answer_is_the_same(run: Ask) -> None:
    found = run(QUESTION, "--stream", "--strategy", "self_consistency", "--budget", "3")
    assert found.stdout == "\\boxed{42}\n"
    assert "agreement 67%" in found.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "tts_bugdet=3"), "Did you mean 'tts_budget'?"),
        (("--strategy", "deepcnf"), "Did you mean 'deepconf'?"),
        (("-o", "budget"), "is not NAME=VALUE"),
    ],
)
def test_a_mistake_ends_in_a_line_that_names_it(
    run: Ask, upstream: ScriptedUpstream, words: tuple[str, ...], said: str
) -> None:
    found = run(QUESTION, *words)
    assert found.returncode != 0
    assert said in found.stderr
    assert not upstream.calls


def test_no_service_ends_in_a_line_that_says_what_to_do(run: Ask) -> None:
    found = run(QUESTION, url=f"http://127.0.0.1:{free_port()}/v1")
    assert found.returncode == 1
    assert "chorus up" in found.stderr
    assert "Traceback" not in found.stderr


def test_an_upstream_that_fails_is_told(run: Ask, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(error(400))
    found = run(QUESTION, "--budget", "1")
    assert found.returncode == 1
    assert found.stderr.splitlines()[-1].startswith("chorus: ")


def test_an_interrupt_cancels_the_job_and_the_finished_traces_vote(
    service: Service, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    upstream.reply = in_turn(text("\\boxed{42}"), hang())
    words = ("--model", "m", "--url", service.base_url, "--strategy", "self_consistency", "--budget", "2")
    asked = subprocess.Popen(
        command(*words, QUESTION), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env=clean_environment(),
    )  # fmt: skip
    assert asked.stderr
    for line in asked.stderr:
        if line.startswith("1 of 2"):
            break
    asked.send_signal(signal.SIGINT)
    said, _ = asked.communicate(timeout=30)
    assert (asked.returncode, said) == (130, "\\boxed{42}\n")
    newest = httpx.get(f"{service.base_url}/jobs", params={"limit": 1}).json()["data"][0]
    assert newest["status"] == "cancelled"
