"""The list of jobs, by keyboard, and two of them side by side."""

import pytest
from asking import in_turn
from jobs import Jobs
from playwright.sync_api import Page, expect
from scripted_upstream import ScriptedUpstream, text
from service import Service


# No test here adds another job, so these stay on top.
@pytest.fixture(scope="module")
def three(service: Service, upstream_server: ScriptedUpstream) -> list[str]:
    """Three jobs, the newest first."""
    upstream_server.reset()
    upstream_server.reply = in_turn(
        text("\\boxed{42}"), text("\\boxed{41}"), text("\\boxed{42.0}", confidence=9.0)
    )
    asked = (
        {"tts_strategy": "single"},
        {"tts_strategy": "deepconf", "tts_budget": 3},
        {"tts_strategy": "self_consistency", "tts_budget": 6, "temperature": 0.2},
    )
    jobs = Jobs(service.url)
    found = [jobs.done(**one)["id"] for one in asked]
    jobs.stop()
    return found[::-1]


@pytest.fixture
def listed(three: list[str], page: Page) -> Page:
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
