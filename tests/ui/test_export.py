"""A job taken elsewhere: JSON lines, and one HTML file that opens where there is no network."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from asking import in_turn
from jobs import Jobs
from playwright.sync_api import Browser, Page, expect
from scripted_upstream import ScriptedUpstream, text
from ui.looking import page_of

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)><!-- ${alert(3)}"
KEPT = {"logprobs": True, "top_logprobs": 3, "tts_keep_confidences": True}
Saved = Callable[[str, str], Path]


@pytest.fixture
def saved(page: Page, tmp_path: Path) -> Saved:
    """Press a button of a job's page; the file that comes of it."""

    def press(job_id: str, name: str) -> Path:
        page.goto(f"/ui#/jobs/{job_id}")
        with page.expect_download() as found:
            page.get_by_role("button", name=name, exact=True).click()
        file = tmp_path / found.value.suggested_filename
        found.value.save_as(file)
        return file

    return press


@pytest.fixture
def hostile(jobs: Jobs, upstream: ScriptedUpstream) -> str:
    """A job whose answer, text and question are what would run in a page that read them as HTML."""
    upstream.reply = in_turn(text(f"It is \\boxed{{{HOSTILE}}}"), text(f"{HOSTILE} \\boxed{{{HOSTILE}}}"))
    asked = [{"role": "user", "content": HOSTILE}]
    return str(jobs.done(messages=asked, tts_strategy="self_consistency", tts_budget=2, **KEPT)["id"])


def test_json_lines_have_all_that_the_api_tells_of_each_trace(saved: Saved, jobs: Jobs) -> None:
    job = jobs.done(tts_budget=3, **KEPT)
    lines = [json.loads(line) for line in saved(job["id"], "JSONL").read_text().splitlines()]
    told = jobs.get(f"/{job['id']}/traces", confidences="true", logprobs="true").json()["data"]
    assert lines == told


def test_the_file_shows_answer_and_curves_without_a_network(
    saved: Saved, jobs: Jobs, browser: Browser
) -> None:
    file = saved(jobs.done(tts_budget=4, **KEPT)["id"], "HTML")
    with page_of(browser, "http://nowhere.invalid", offline=True) as (page, seen):
        page.goto(file.as_uri())
        expect(page.locator("main")).to_contain_text("42")
        expect(page.locator(".uplot canvas").first).to_be_visible()
        expect(page.get_by_role("navigation")).to_be_hidden()
        page.locator("#theme-button").click()
        expect(page.locator("html")).to_have_attribute("data-dark", "true")
    assert seen.all == []
    assert "http://127.0.0.1" not in file.read_text()


def test_what_a_model_says_runs_neither_in_the_file_nor_in_the_pages(
    saved: Saved, hostile: str, browser: Browser, page: Page
) -> None:
    file = saved(hostile, "HTML")
    expect(page.locator("main")).to_contain_text("<script>alert(1)</script>")
    assert "<script>alert" not in file.read_text()
    with page_of(browser, "http://nowhere.invalid", offline=True) as (opened, seen):
        opened.goto(file.as_uri())
        expect(opened.locator("main")).to_contain_text("<script>alert(1)</script>")
        assert opened.locator("img").count() == 0
    assert seen.all == []


@pytest.mark.parametrize("path", ["/ui#/jobs", "/ui#/compare/{0}/{0}", "/ui#/?job={0}"])
def test_what_a_model_says_is_text_on_every_page(page: Page, hostile: str, path: str) -> None:
    page.goto(path.format(hostile))
    expect(page.locator("main")).to_contain_text("</script><script>alert")
    assert page.locator("main img").count() == 0
