"""The playground: a request is tried out, watched, shared and taken elsewhere."""

import json
import re
import shlex

import pytest
from jobs import Jobs
from playwright.sync_api import Page, expect
from scripted_upstream import Call, Reply, ScriptedUpstream, error, hang, text

ANSWERS = ("42", "42", "41", "42")


def voting(call: Call) -> Reply:
    """Three of four say 42."""
    return text(f"Let me see. It is \\boxed{{{ANSWERS[call.index % 4]}}}")


@pytest.fixture
def playground(page: Page, upstream: ScriptedUpstream) -> Page:
    """The playground with a small request."""
    upstream.reply = voting
    page.goto("/ui#/?tts_strategy=self_consistency&tts_budget=4&user=What+is+6*7%3F")
    expect(page.locator("#run")).to_be_visible()
    return page


def test_a_run_goes_to_the_answer_and_leads_to_its_job(
    playground: Page, upstream: ScriptedUpstream
) -> None:
    playground.keyboard.press("Control+Enter")
    expect(playground.locator(".verdict")).to_have_text("42")
    expect(playground.locator("#run-state")).to_have_text("completed")
    expect(playground.locator("#answer")).to_contain_text("agreement 75 %")
    expect(playground.locator(".leader")).to_have_count(2)
    assert len(upstream.calls) == 4
    playground.locator("#job-link").click()
    expect(playground).to_have_url(re.compile(r"#/jobs/[0-9a-f]{32}$"))


def test_the_leader_board_moves_while_traces_run_and_a_run_can_be_cancelled(
    playground: Page, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda call: voting(call) if call.index < 3 else hang(after_tokens=2)
    playground.locator("#run").click()
    expect(playground.locator("#run-line")).to_contain_text("3 of 4 traces")
    expect(playground.locator(".leader").first).to_contain_text("2 · 67 %")
    expect(playground.locator("#run-line")).to_contain_text("1 running")
    playground.locator("#cancel").click()
    expect(playground.locator("#run-state")).to_have_text("cancelled")
    expect(playground.locator(".verdict")).to_have_text("42")


def test_an_estimate_is_there_before_anything_is_paid(playground: Page, upstream: ScriptedUpstream) -> None:
    estimate = playground.get_by_role("region", name="Estimate")
    expect(estimate).to_contain_text("Calls4")
    playground.locator("#field-tts_budget").fill("16")
    expect(estimate).to_contain_text("Calls16")
    assert upstream.calls == []


def test_a_strategy_brings_its_own_options_with_their_ranges(playground: Page) -> None:
    playground.locator("#field-strategy").select_option("adaptive_consistency")
    certainty = playground.locator("#field-tts_certainty")
    assert [certainty.get_attribute(name) for name in ("min", "max", "placeholder")] == ["0.5", "1", "0.95"]
    expect(playground.locator("form")).to_contain_text("Sample until the majority is all but certain")
    expect(playground.locator("#field-tts_budget")).to_have_value("4")


def test_a_mistake_is_told_where_the_estimate_would_be(playground: Page) -> None:
    playground.locator("#field-strategy").select_option("deepconf")
    playground.locator("#field-tts_filter_method").fill("best")
    expect(playground.get_by_role("alert")).to_contain_text("tts_filter_method")
    playground.locator("#field-tts_filter_method").fill("")
    expect(playground.get_by_role("alert")).to_have_count(0)


def test_the_address_is_the_form_and_its_run(playground: Page) -> None:
    playground.locator("#field-system").fill("Be brief & exact")
    playground.locator("#field-temperature").fill("0.3")
    playground.locator("#run").click()
    expect(playground.locator(".verdict")).to_have_text("42")
    playground.reload()
    expect(playground.locator("#field-system")).to_have_value("Be brief & exact")
    expect(playground.locator("#field-temperature")).to_have_value("0.3")
    expect(playground.locator("#field-strategy")).to_have_value("self_consistency")
    expect(playground.locator(".verdict")).to_have_text("42")


def test_the_command_and_the_program_ask_the_same(playground: Page, jobs: Jobs) -> None:
    playground.locator("#field-user").fill('What\'s "6*7"?\n$HOME')
    recipe = playground.locator(".recipe")
    expect(recipe).to_contain_text("$HOME")
    words = shlex.split(recipe.inner_text().replace("\\\n", " "))
    body = json.loads(words[words.index("-d") + 1])
    assert body["messages"] == [{"role": "user", "content": 'What\'s "6*7"?\n$HOME'}]
    assert jobs.done(**body)["request"]["tts_budget"] == 4
    playground.get_by_role("tab", name="Python").click()
    compile(recipe.inner_text(), "recipe", "exec")
    expect(recipe).to_contain_text('"tts_budget": 4')


def test_a_run_that_fails_says_why(playground: Page, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: error(400, message="This model is asleep.")
    playground.locator("#run").click()
    expect(playground.locator("#run-state")).to_have_text("failed")
    expect(playground.locator("#answer")).to_contain_text("asleep")
