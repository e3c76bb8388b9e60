"""A real Chromium that looks at the viewer, and notes what must not happen."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
INSTALL = "no Chromium here; install it with: apt-get install --no-install-recommends chromium"
REFUSED = "Failed to load resource: the server responded with a status of 4"
LOCAL = ("data", "blob", "about", "file")
SIZE = {"width": 1360, "height": 900}
WAIT_MS = 10_000


def chromium() -> str:
    """The path of a Chromium. Without one the test is skipped, or fails where CI says that it needs one."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    if "1" in (os.environ.get("CI"), os.environ.get("CHORUS_NEEDS_CHROMIUM")):
        pytest.fail(INSTALL)
    pytest.skip(INSTALL)


@contextmanager
def browsing() -> Iterator[Browser]:
    """A headless Chromium. An event loop runs in this thread as long as it is open."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass
class Seen:
    """What went wrong on a page: errors on its console, requests to other hosts, dialogs it opened."""

    host: str
    errors: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Note it all from now on."""
        page.on("console", self.said)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self.requested)
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))

    def said(self, message: ConsoleMessage) -> None:
        """Note an error; the browser's word for a refused request is none, for the page tells of it."""
        if message.type == "error" and not message.text.startswith(REFUSED):
            self.errors.append(message.text)

    def requested(self, request: Request) -> None:
        """Note a request that leaves this host."""
        url = urlsplit(request.url)
        if url.scheme not in LOCAL and url.netloc != self.host:
            self.strangers.append(request.url)

    @property
    def all(self) -> list[str]:
        """Everything."""
        return [*self.errors, *self.strangers, *self.dialogs]


@contextmanager
def page_of(browser: Browser, url: str, **context: Any) -> Iterator[tuple[Page, Seen]]:
    """A fresh page of a fresh user."""
    opened = browser.new_context(base_url=url, viewport=SIZE, accept_downloads=True, **context)
    opened.set_default_timeout(WAIT_MS)
    page, seen = opened.new_page(), Seen(urlsplit(url).netloc)
    seen.watch(page)
    yield page, seen
    opened.close()
