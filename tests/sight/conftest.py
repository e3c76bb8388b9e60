"""A service that is watched: two web processes, JSON logs with a line per request, Flower, keys."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from chaos.faults import until
from scripted_upstream import ScriptedUpstream
from service import Service, free_port, running
from sight.reading import FLOWER, KEY, TOKEN, Numbers, numbers_in

Scrape = Callable[[], Numbers]


@pytest.fixture(scope="session")
def flower_port() -> int:
    """Where Flower listens."""
    return free_port()


@pytest.fixture(scope="session")
def service(
    upstream_server: ScriptedUpstream, flower_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service that is watched."""
    settings = {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "UPSTREAM_API_KEY": "sk-upstream-secret",
        "UPSTREAM_TIMEOUT_S": "2",
        "DEFAULT_MODEL": "m",
        "WEB_WORKERS": "2",
        "CHORUS_API_KEYS": KEY,
        "METRICS_TOKEN": TOKEN,
        "LOG_FORMAT": "json",
        "ACCESS_LOG": "1",
        "FLOWER": "1",
        "FLOWER_PORT": str(flower_port),
        "FLOWER_BASIC_AUTH": ":".join(FLOWER),
    }
    with running(tmp_path_factory.mktemp("sight"), settings) as found:
        yield found


@pytest.fixture
def scrape(service: Service) -> Scrape:
    """All numbers as they stand, through whichever web process answers."""

    headers = {"Authorization": f"Bearer {TOKEN}"}

    def found() -> Numbers:
        answer = httpx.get(f"{service.url}/metrics", headers=headers, timeout=30)
        answer.raise_for_status()
        return numbers_in(answer.text)

    return found


@pytest.fixture(autouse=True)
def counted(scrape: Scrape, upstream: ScriptedUpstream) -> Iterator[None]:
    """No test's calls are counted in another's."""
    calls = "chorus_upstream_calls_total"
    before = scrape().total(calls)
    yield
    until(lambda: scrape().total(calls) >= before + len(upstream.calls), timeout_s=10)
