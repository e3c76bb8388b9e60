"""What tests of jobs share."""

from collections.abc import Iterator

import pytest
from jobs import KEYS, Jobs
from scripted_upstream import ScriptedUpstream
from service import Service, running

REQUEST_S = 6


@pytest.fixture
def jobs(service: Service, upstream: ScriptedUpstream) -> Iterator[Jobs]:
    """The service's jobs; what a test has begun does not go on beyond it."""
    found = Jobs(service.url)
    yield found
    found.stop()


@pytest.fixture(scope="session")
def shared(
    upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service of several web processes, for clients with keys of their own."""
    settings = {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "DEFAULT_MODEL": "m",
        "WEB_WORKERS": "2",
        "CHORUS_API_KEYS": ",".join(KEYS),
        "REQUEST_TIMEOUT_S": str(REQUEST_S),
    }
    with running(tmp_path_factory.mktemp("shared"), settings) as found:
        yield found


@pytest.fixture
def owners(shared: Service, upstream: ScriptedUpstream) -> Iterator[tuple[Jobs, Jobs]]:
    """Two clients of it."""
    one, other = (Jobs(shared.url, key) for key in KEYS)
    yield one, other
    one.stop()
    other.stop()
