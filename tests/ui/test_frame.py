"""What all pages of the viewer have: a way around, light and dark, a key, and nothing from elsewhere."""

import pytest
from playwright.sync_api import Browser, Page, expect
from service import Service
from ui.looking import page_of

PAGES = ("/ui", "/ui#/jobs", "/ui#/compare", "/ui#/nothing/here", "/ui/jobs")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_from_here_only_and_without_an_error(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("main h1").first).to_be_attached()
    page.wait_for_load_state("networkidle")


def test_the_keyboard_leads_to_every_page(page: Page) -> None:
    page.goto("/ui#/compare")
    expect(page.locator("main h1").first).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("j")
    expect(page).to_have_url(f"{page.url.split('#')[0]}#/jobs")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("Playground")


@pytest.mark.parametrize(("system", "dark"), [("light", "false"), ("dark", "true")])
def test_the_system_chooses_light_or_dark_until_the_user_does(
    browser: Browser, service: Service, system: str, dark: str
) -> None:
    with page_of(browser, service.url, color_scheme=system) as (page, _seen):
        page.goto("/ui#/jobs")
        root = page.locator("html")
        expect(root).to_have_attribute("data-dark", dark)
        page.locator("#theme-button").click()
        expect(root).not_to_have_attribute("data-dark", dark)
        page.reload()
        expect(root).not_to_have_attribute("data-dark", dark)
