"""The trace viewer at a service that asks for a key."""

from jobs import KEYS
from playwright.sync_api import expect
from service import Service
from ui.looking import browsing, page_of


def test_the_user_is_asked_for_the_key_which_stays_out_of_the_address(shared: Service) -> None:
    with browsing() as browser, page_of(browser, shared.url) as (page, _seen):
        page.goto("/ui#/jobs")
        expect(page.locator("#key")).to_be_visible()
        page.locator("#key-text").fill(KEYS[0])
        page.locator("#key-text").press("Enter")
        expect(page.locator("#key")).to_be_hidden()
        expect(page.locator("main h1")).to_be_visible()
        expect(page.locator("[role=alert]")).to_have_count(0)
        kept = page.evaluate("[location.href, document.cookie, ...Object.values(localStorage)].join()")
        assert KEYS[0] not in kept
