"""What tests of jobs share."""

from collections.abc import Iterator

import pytest
from jobs import KEYS, Jobs
from scripted_upstream import Call, Reply, ScriptedUpstream, error, going_on, text
from service import Service, running

REQUEST_S = 6
WEEK = "Monday, Tuesday, Wednesday, Thursday"
THOUGHT_ON = "It is \\boxed{7}.\n\nWait, no: \\boxed{42}."


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


@pytest.fixture(scope="session")
def probing_server() -> Iterator[ScriptedUpstream]:
    """An upstream of models that go on with a beginning, and of models that begin anew; each test has
    models of its own, for what is found out of one is kept."""
    with ScriptedUpstream() as upstream:
        upstream.models = [f"{kind}-{n}" for kind in ("goes-on", "begins-anew", "away") for n in range(9)]
        yield upstream


@pytest.fixture(scope="session")
def probing(
    probing_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that probes its models."""
    settings = {"UPSTREAM_BASE_URL": probing_server.base_url, "DEFAULT_MODEL": "goes-on-0"}
    with running(tmp_path_factory.mktemp("probing"), {**settings, "UPSTREAM_RETRIES": "0"}) as found:
        yield found


@pytest.fixture
def models(probing_server: ScriptedUpstream) -> ScriptedUpstream:
    """That upstream with a clean record."""

    def reply(call: Call) -> Reply:
        if call.body["model"].startswith("away"):
            return error(500, message="out of order")
        if call.body["model"].startswith("begins-anew"):
            return text("It is \\boxed{7}.")
        return going_on(call, "It is \\boxed{7}.", WEEK, THOUGHT_ON)

    probing_server.reset()
    probing_server.reply = reply
    return probing_server
