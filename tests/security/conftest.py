"""A service that is attacked: few threads, little patience, small limits, keys, a log line per request."""

from collections.abc import Callable, Iterator

import httpx
import pytest
from jobs import KEYS
from scripted_upstream import ScriptedUpstream
from service import Service, running

THREADS = 4


@pytest.fixture(scope="session")
def service(
    upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service that is attacked."""
    settings = {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "UPSTREAM_API_KEY": "sk-upstream-secret",
        "UPSTREAM_TIMEOUT_S": "2",
        "UPSTREAM_RETRIES": "0",
        "DEFAULT_MODEL": "m",
        "PROBE_MODELS": "false",
        "CHORUS_API_KEYS": ",".join(KEYS),
        "WEB_THREADS": str(THREADS),
        "CLIENT_PATIENCE_S": "2",
        "ACCESS_LOG": "1",
    }
    with running(tmp_path_factory.mktemp("attacked"), settings) as found:
        yield found


@pytest.fixture
def http(service: Service, upstream: ScriptedUpstream) -> Iterator[httpx.Client]:
    """A client with a key."""
    headers = {"Authorization": f"Bearer {KEYS[0]}"}
    with httpx.Client(base_url=service.url, headers=headers, timeout=20) as found:
        yield found


@pytest.fixture
def logged(service: Service) -> Callable[[], str]:
    """What the service has logged since the test began."""
    begun = service.log.stat().st_size

    def found() -> str:
        return service.log.read_bytes()[begun:].decode()

    return found
