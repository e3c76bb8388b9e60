"""A job's page: what its traces said, how sure they were, how they voted, and how they might have."""

import pytest
from jobs import Jobs
from playwright.sync_api import Page, expect
from scripted_upstream import Call, Reply, ScriptedUpstream, hang, text
from service import Service

KEPT = {"logprobs": True, "top_logprobs": 3, "tts_keep_confidences": True}
REDRAWN_MS = 500
RENEWED_MS = 2500
ONLINE = {"tts_mode": "online", "tts_budget": 6, "tts_warmup": 3, "tts_window_size": 4, "tts_consensus": 1}


def wavering(call: Call) -> Reply:
    """The second trace says 41; the fifth loses its confidence on the way."""
    answer = "41" if call.index == 1 else "42"
    dip = (8, 20, 3.0) if call.index == 4 else None
    return text(
        f"{'word ' * 20}\\boxed{{{answer}}}", confidence=15.0 + call.index / 10, dip=dip, token_s=0.005
    )


@pytest.fixture(scope="module")
def stopped(service: Service, upstream_server: ScriptedUpstream) -> str:
    """A job in which one trace was stopped."""
    upstream_server.reset()
    upstream_server.reply = wavering
    jobs = Jobs(service.url)
    job = jobs.done(**ONLINE, **KEPT)
    jobs.stop()
    assert job["progress"]["traces"]["stopped"] >= 1
    return str(job["id"])


@pytest.fixture
def online(stopped: str, page: Page) -> Page:
    """Its page."""
    page.goto(f"/ui#/jobs/{stopped}")
    expect(page.locator(".uplot canvas").first).to_be_visible()
    return page


def test_the_page_shows_votes_curves_and_what_was_stopped(online: Page) -> None:
    votes = online.get_by_role("region", name="Votes").locator(".vote")
    expect(votes.first).to_contain_text("42")
    expect(votes).to_have_count(2)
    expect(online.get_by_role("region", name="Traces")).to_contain_text("stopped: threshold")
    expect(online.get_by_role("region", name="What if")).to_contain_text("threshold")
    painted = "c => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    assert online.locator(".uplot canvas").first.evaluate(painted) > 20


def test_a_token_tells_its_alternatives(online: Page) -> None:
    online.get_by_role("region", name="Traces").locator("tbody tr").nth(1).click()
    tokens = online.locator("pre.heat span")
    expect(tokens.first).to_have_text("word")
    tokens.nth(2).hover()
    expect(online.locator(".alternatives li")).to_have_count(3)
    expect(online).to_have_url(online.url.split("?")[0] + "?trace=1")


def test_another_vote_is_cast_at_once_and_asks_no_model(online: Page, upstream: ScriptedUpstream) -> None:
    paid = len(upstream.calls)
    what_if = online.get_by_role("region", name="What if")
    expect(what_if.locator(".verdict-line")).to_contain_text("42")
    before = what_if.inner_text()
    online.locator("#what-strategy").select_option("single")
    expect(what_if.locator(".verdict-line")).to_contain_text("1 vote")
    assert what_if.inner_text() != before
    assert len(upstream.calls) == paid


def test_an_address_leads_to_a_trace(online: Page) -> None:
    online.goto(online.url.split("?")[0] + "?trace=2")
    online.reload()
    expect(online.get_by_role("region", name="Tokens of a trace")).to_contain_text("Trace 2")


def test_a_job_that_goes_on_is_followed_to_its_end(
    page: Page, jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda call: wavering(call) if call.index else hang(after_tokens=2)
    job_id = jobs.begun(tts_strategy="self_consistency", tts_budget=4)
    page.goto(f"/ui#/jobs/{job_id}")
    expect(page.get_by_role("region", name="Votes")).to_contain_text("2 votes")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".chip", has_text="cancelled")).to_be_visible()


def test_a_row_that_is_pressed_while_another_trace_ends_is_chosen(
    page: Page, jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda call: text(f"{'word ' * 30}\\boxed{{42}}", token_s=0.1 * call.index)
    job_id = jobs.begun(tts_strategy="self_consistency", tts_budget=2)
    page.goto(f"/ui#/jobs/{job_id}")
    rows = page.get_by_role("region", name="Traces").locator("tbody tr")
    expect(rows).to_have_count(1)
    rows.first.hover()
    page.mouse.down()
    jobs.ended(job_id)
    page.wait_for_timeout(REDRAWN_MS)
    page.mouse.up()
    expect(page.get_by_role("region", name="Tokens of a trace")).to_contain_text("Trace 0")
    expect(rows).to_have_count(2)


def test_the_curve_of_a_running_trace_grows(page: Page, jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda _call: text("word " * 400, token_s=0.02)
    job_id = jobs.begun(tts_strategy="self_consistency", tts_budget=1, **KEPT)
    page.goto(f"/ui#/jobs/{job_id}")
    curves = page.get_by_role("region", name="Confidence curves")
    expect(curves.locator(".uplot canvas").first).to_be_visible()
    reaches = "() => Number(document.getElementById('window').max)"
    first = page.evaluate(reaches)
    page.wait_for_function(f"first => ({reaches})() > first", arg=first)
    assert page.get_by_role("region", name="Traces").locator("tbody tr").count() == 0


def test_an_unknown_job_says_so(page: Page) -> None:
    page.goto(f"/ui#/jobs/{'0' * 32}")
    expect(page.get_by_role("alert")).to_contain_text("job_not_found")


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


def test_a_job_that_is_pressed_while_the_list_is_renewed_opens_and_stays(
    page: Page, jobs: Jobs, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: hang(after_tokens=1)
    job_id = jobs.begun(tts_budget=1)
    page.goto("/ui#/jobs")
    page.locator(f"tr[data-id='{job_id}']").hover()
    page.mouse.down()
    page.wait_for_timeout(RENEWED_MS)
    page.mouse.up()
    expect(page.get_by_role("heading", name=f"Job {job_id[:8]}")).to_be_visible()
    page.wait_for_timeout(REDRAWN_MS)
    expect(page).to_have_url(page.url.split("#")[0] + f"#/jobs/{job_id}")
