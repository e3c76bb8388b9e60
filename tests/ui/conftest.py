"""The viewer as its users see it, in a real browser."""

from collections.abc import Iterator

import pytest
from jobs import Jobs
from playwright.sync_api import Browser, Page
from scripted_upstream import ScriptedUpstream
from service import Service
from ui.looking import browsing, page_of


# Not for the whole session: while it is open, an event loop runs in this thread.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    with browsing() as found:
        yield found


@pytest.fixture
def page(browser: Browser, service: Service, upstream: ScriptedUpstream) -> Iterator[Page]:
    """A page that must not have an error, ask another host, or open a dialog."""
    with page_of(browser, service.url) as (found, seen):
        yield found
        assert seen.all == []


@pytest.fixture
def jobs(service: Service, upstream: ScriptedUpstream) -> Iterator[Jobs]:
    """The service's jobs; what a test has begun does not go on beyond it."""
    found = Jobs(service.url)
    yield found
    found.stop()
