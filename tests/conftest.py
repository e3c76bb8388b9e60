"""The real thing for everybody: one service over one scripted upstream, reset for each test."""

from collections.abc import Iterator

import pytest
from openai import OpenAI
from scripted_upstream import Call, Reply, ScriptedUpstream, text
from service import Service, running

FOLDERS_OF_ONE_SERVICE = ("chaos", "sight")
SERVICES = ("probing", "shared")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever runs the tests side by side runs a file in one process, and all that want one of the rarer
    services in one too: an idle service costs a small machine what others need."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group_of(item)))


def group_of(item: pytest.Item) -> str:
    """What a test is to share a process with."""
    wanted = getattr(item, "fixturenames", ())
    folder = item.path.parent.name
    service = next((name for name in SERVICES if name in wanted), "")
    return service or (folder if folder in FOLDERS_OF_ONE_SERVICE else item.location[0])


@pytest.fixture(scope="session")
def upstream_server() -> Iterator[ScriptedUpstream]:
    """The upstream that the session's service samples from."""
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def service(
    upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A running Chorus: Redis, two workers, gunicorn."""
    settings = {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "UPSTREAM_API_KEY": "sk-upstream-secret",
        "UPSTREAM_TIMEOUT_S": "2",
        "DEFAULT_MODEL": "m",
        "PROBE_MODELS": "false",
    }
    with running(tmp_path_factory.mktemp("service"), settings) as found:
        yield found


@pytest.fixture
def upstream(upstream_server: ScriptedUpstream) -> Iterator[ScriptedUpstream]:
    """The service's upstream with a clean record and the plainest of scripts, also for who comes next."""
    upstream_server.reset()
    upstream_server.reply = plainly
    yield upstream_server
    upstream_server.reply = plainly


def plainly(_call: Call) -> Reply:
    """What the upstream says when a test does not care."""
    return text("The answer is \\boxed{42}.")


@pytest.fixture
def client(service: Service) -> Iterator[OpenAI]:
    """The official SDK, pointed at the service; it does not retry, so that tests see every error."""
    with OpenAI(base_url=service.base_url, api_key="any", max_retries=0) as found:
        yield found
