"""A service to break: two sampling workers over an upstream of its own."""

import sys
from collections.abc import Iterator

import pytest
from chaos.measured import REPEATS, TIMES, summary
from chaos.stage import Stage
from scripted_upstream import ScriptedUpstream
from service import Service, running

SETTINGS = {"UPSTREAM_API_KEY": "sk-upstream-secret", "DEFAULT_MODEL": "m", "DRAIN_S": "2", "WORKERS": "2"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without CHAOS_REPEATS each fault is done once: what is marked `chaos` is left out."""
    long = [item for item in items if item.get_closest_marker("chaos")]
    if long and not REPEATS:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Processes are found in /proc."""
    if "chaos" in item.path.parts and sys.platform != "linux":
        pytest.skip("faults are done by way of /proc")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how long it took to recover."""
    if TIMES:
        terminalreporter.section("from the fault to the answer, in seconds")
        terminalreporter.write_line(summary())


@pytest.fixture(scope="session")
def upstream_server() -> Iterator[ScriptedUpstream]:
    """The upstream of the service to break."""
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="session")
def service(
    upstream_server: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service to break."""
    settings = {**SETTINGS, "UPSTREAM_BASE_URL": upstream_server.base_url}
    with running(tmp_path_factory.mktemp("chaos"), settings) as found:
        yield found


@pytest.fixture
def stage(service: Service, upstream_server: ScriptedUpstream) -> Iterator[Stage]:
    """The service to break and what a test needs around it."""
    with Stage.of(service, upstream_server) as found:
        yield found
