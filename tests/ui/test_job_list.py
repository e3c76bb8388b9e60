"""The list of jobs, by keyboard, and two of them side by side."""

import pytest
from asking import in_turn
from jobs import Jobs
from playwright.sync_api import Page, expect
from scripted_upstream import ScriptedUpstream, hang, text


@pytest.fixture
def three(jobs: Jobs, upstream: ScriptedUpstream) -> list[str]:
    """Three jobs, the newest first."""
    upstream.reply = in_turn(
        text("\\boxed{42}"), text("\\boxed{41}"), text("\\boxed{42.0}", confidence=9.0)
    )
    asked = (
        {"tts_strategy": "single"},
        {"tts_strategy": "deepconf", "tts_budget": 3},
        {"tts_strategy": "self_consistency", "tts_budget": 6, "temperature": 0.2},
    )
    return [jobs.done(**one)["id"] for one in asked][::-1]


@pytest.fixture
def listed(page: Page, three: list[str]) -> Page:
    """The list with the three on top."""
    page.goto("/ui#/jobs")
    expect(page.locator("tr[data-id]").first).to_have_attribute("data-id", three[0])
    return page


def test_the_keyboard_moves_and_opens(listed: Page, three: list[str]) -> None:
    current = listed.locator("tr[aria-selected=true]")
    expect(current).to_have_attribute("data-id", three[0])
    for key, at in (("j", 1), ("j", 2), ("k", 1)):
        listed.keyboard.press(key)
        expect(current).to_have_attribute("data-id", three[at])
    listed.keyboard.press("Enter")
    expect(listed).to_have_url(listed.url.split("#")[0] + f"#/jobs/{three[1]}")


def test_a_row_tells_the_job(listed: Page, three: list[str]) -> None:
    row = listed.locator(f"tr[data-id='{three[0]}']")
    for words in ("completed", "self_consistency", "42", "67 %", "6"):
        expect(row).to_contain_text(words)


def test_a_filter_is_kept_in_the_address(listed: Page, three: list[str]) -> None:
    listed.keyboard.press("/")
    listed.keyboard.type("single")
    expect(listed.locator(f"tr[data-id='{three[0]}']")).to_have_count(0)
    listed.reload()
    expect(listed.locator(f"tr[data-id='{three[2]}']")).to_be_visible()
    expect(listed.locator(f"tr[data-id='{three[0]}']")).to_have_count(0)


def test_the_list_goes_on_by_itself_while_something_runs(
    page: Page, jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: hang(after_tokens=1)
    job_id = jobs.begun(tts_budget=1)
    upstream.wait_for(lambda calls: len(calls) == 1)
    page.goto("/ui#/jobs")
    row = page.locator(f"tr[data-id='{job_id}']")
    expect(row).to_contain_text("in progress")
    jobs.post(f"/{job_id}/cancel")
    expect(row).to_contain_text("cancelled")


def test_two_picked_jobs_are_shown_side_by_side(listed: Page, three: list[str]) -> None:
    listed.keyboard.press("x")
    listed.keyboard.press("j")
    listed.keyboard.press("x")
    listed.keyboard.press("c")
    expect(listed).to_have_url(listed.url.split("#")[0] + f"#/compare/{three[0]}/{three[1]}")
    outcome = listed.get_by_role("region", name="Outcome")
    expect(outcome.get_by_role("row", name="Traces")).to_contain_text("6")
    expect(outcome.get_by_role("row", name="Tokens", exact=False).first).to_contain_text("−50 %")
    parameters = listed.get_by_role("region", name="Parameters")
    expect(parameters.locator("tr.differs", has_text="temperature")).to_contain_text("0.2")
    expect(parameters).not_to_contain_text("top_p")
    parameters.get_by_label("Show all").check()
    expect(parameters).to_contain_text("top_p")
    expect(listed.get_by_role("region", name="Votes").locator(".two-bars")).to_have_count(2)
    expect(listed.locator(".uplot canvas")).to_be_visible()
