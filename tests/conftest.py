"""The real thing for everybody: one service over one scripted upstream, reset for each test."""

from collections.abc import Iterator

import pytest
from openai import OpenAI
from scripted_upstream import ScriptedUpstream, text
from service import Service, running


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
def upstream(upstream_server: ScriptedUpstream) -> ScriptedUpstream:
    """The service's upstream with a clean record and the plainest of scripts."""
    upstream_server.reset()
    upstream_server.reply = lambda _call: text("The answer is \\boxed{42}.")
    return upstream_server


@pytest.fixture
def client(service: Service) -> Iterator[OpenAI]:
    """The official SDK, pointed at the service; it does not retry, so that tests see every error."""
    with OpenAI(base_url=service.base_url, api_key="any", max_retries=0) as found:
        yield found
