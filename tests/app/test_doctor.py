"""`chorus doctor` sees what is wrong and says what to do."""

import json
import socket
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from receiving import SECRET
from service import free_port

from app import doctor, webhook_checks
from app.doctor import Finding, Shell
from tts_core.errors import Overloaded
from workers.settings import Settings

HEALTHY = {
    "redis_version": "7.2.4",
    "maxmemory_policy": "noeviction",
    "aof_enabled": 1,
    "used_memory": 1 << 20,
    "maxmemory": 0,
    "total_system_memory": 1 << 30,
}


def away() -> dict:
    """A store that does not answer."""
    raise Overloaded("away")


def store(settings: Settings | None = None, **changes: object) -> dict[str, Finding]:
    """What is found of a Redis that says this of itself."""
    findings = doctor.check_store(settings or Settings(), lambda: HEALTHY | changes)
    return {finding.check: finding for finding in findings}


@pytest.fixture
def server():
    """A loopback server that answers every GET with one status; yields a function that sets it."""

    class Handler(BaseHTTPRequestHandler):
        status, seen = 200, []

        def do_GET(self):
            self.seen.append((self.path, self.headers.get("Authorization")))
            self.send_response(self.status)
            self.end_headers()
            self.wfile.write(b'{"status": "healthy"}')

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        found.handler = Handler
        yield found
        found.shutdown()
        thread.join()


def upstream_of(server: HTTPServer, key: str = "sk-1") -> Settings:
    """Settings whose upstream is the server."""
    url = f"http://127.0.0.1:{server.server_port}/v1"
    return Settings(upstream_base_url=url, upstream_api_key=key)


def test_a_healthy_redis_is_all_well():
    assert {finding.state for finding in store().values()} == {"ok"}


@pytest.mark.parametrize(
    ("changes", "check", "state"),
    [
        ({"redis_version": "6.0.16"}, "redis", "fail"),
        ({"maxmemory_policy": "allkeys-lru"}, "eviction", "fail"),
        ({"aof_enabled": 0}, "persistence", "warn"),
        ({"used_memory": 95, "maxmemory": 100}, "memory", "warn"),
    ],
)
def test_a_redis_that_would_lose_jobs_is_seen(changes, check, state):
    finding = store(**changes)[check]
    assert finding.state == state
    assert finding.do


def test_an_embedded_redis_that_is_not_running_is_no_failure():
    assert next(doctor.check_store(Settings(), away)).state == "warn"


def test_a_redis_of_ones_own_that_is_away_is_a_failure():
    finding = next(doctor.check_store(Settings(redis_url="redis://localhost:1/0"), away))
    assert (finding.state, "REDIS_URL" in finding.do) == ("fail", True)


def test_both_kinds_of_worker_are_wanted():
    finding = doctor.check_workers(lambda: {"a": {"queue": "sample"}})
    assert (finding.state, finding.do) == ("fail", "Start `chorus worker --control`.")


def test_workers_of_both_kinds_are_all_well():
    alive = {"a": {"queue": "sample"}, "b": {"queue": "control"}}
    assert doctor.check_workers(lambda: alive).state == "ok"


def test_workers_are_unknown_while_redis_is_away():
    assert doctor.check_workers(away).state == "warn"


def test_the_upstream_is_asked_for_its_models_with_its_key(server):
    assert doctor.check_upstream(upstream_of(server)).state == "ok"
    assert server.handler.seen[-1] == ("/v1/models", "Bearer sk-1")


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "another key"), (403, "may not list"), (404, "/v1"), (429, "limiting"), (500, "its own log")],
)
def test_an_upstream_that_refuses_is_explained_in_words(server, status, advice):
    server.handler.status = status
    finding = doctor.check_upstream(upstream_of(server))
    assert (finding.state, str(status) in finding.seen, advice in finding.do) == ("fail", True, True)


def test_a_key_is_never_shown(server):
    server.handler.status = 401
    assert "sk-secret" not in str(doctor.check_upstream(upstream_of(server, "sk-secret")))


def test_an_upstream_where_nothing_listens_is_a_failure():
    settings = Settings(upstream_base_url=f"http://127.0.0.1:{free_port()}/v1")
    assert "nothing listens" in doctor.check_upstream(settings).seen


def test_a_free_port_means_that_chorus_is_not_running():
    assert doctor.check_port(Settings(port=free_port())).state == "warn"


def hang_up(listener: socket.socket) -> None:
    """Accept one connection and say nothing."""
    listener.accept()[0].close()


def test_a_port_of_another_program_is_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(5)
        answering = Thread(target=hang_up, args=(other,))
        answering.start()
        finding = doctor.check_port(Settings(port=other.getsockname()[1]))
        answering.join()
    assert (finding.state, "PORT" in finding.do) == ("fail", True)


def test_our_own_port_is_all_well(server):
    assert doctor.check_port(Settings(port=server.server_port)).state == "ok"


def test_the_packages_installed_here_meet_the_requirements():
    assert doctor.check_packages().state == "ok"


def test_a_package_in_the_wrong_version_is_seen():
    assert not doctor.fits(doctor.Requirement("click>=999"))


def test_a_missing_package_is_seen():
    assert not doctor.fits(doctor.Requirement("no-such-package-anywhere"))


def test_this_python_is_new_enough():
    assert doctor.check_python() == ("python", "ok", ".".join(map(str, sys.version_info[:3])), "")


def test_exposure_without_keys_is_a_failure():
    assert doctor.check_listening(Settings(host="0.0.0.0")).state == "fail"


def test_a_data_folder_that_is_not_there_yet_is_measured_by_its_parent(tmp_path):
    assert doctor.check_disk(Settings(data_dir=str(tmp_path / "a" / "b"))).seen


def test_every_finding_that_is_not_well_says_what_to_do():
    settings = Settings(port=free_port(), demo_port=free_port())
    findings = list(doctor.diagnose(settings, Shell(away, away)))
    assert [finding.check for finding in findings if finding.state != "ok" and not finding.do] == []


def test_findings_can_be_read_by_programs():
    assert json.loads(doctor.as_json([Finding("redis", "fail", "gone", "Start it.")])) == [
        {"check": "redis", "state": "fail", "seen": "gone", "do": "Start it."}
    ]


def webhooks(**settings: str) -> list[tuple[str, str]]:
    """What is found of endpoints."""
    found = webhook_checks.diagnosed(Settings(webhook_secret=SECRET, **settings))
    return [(finding.state, finding.seen) for finding in found]


def test_without_endpoints_there_are_no_webhooks():
    assert webhooks() == [("ok", "none: clients cannot ask for any")]


def test_endpoints_are_named():
    listed = {"webhooks": "crm=http://127.0.0.1:1/", "webhook_hosts": "http://localhost"}
    seen = "endpoints: crm; clients may name URLs under: http://localhost:80"
    assert webhooks(**listed) == [("ok", seen)]


def test_an_endpoint_without_tls_is_warned_of_and_so_is_a_name_that_leads_nowhere():
    state, found = zip(*webhooks(webhooks="crm=http://crm.invalid/"), strict=True)
    assert state == ("ok", "warn", "warn")
    assert found[1:] == (
        "http://crm.invalid:80: events go there unencrypted",
        "http://crm.invalid:80: the name leads nowhere",
    )
