"""What `chorus up` looks at before it starts anything, and what it says."""

import os
import select
import socket
from pathlib import Path

import pytest
from scripted_upstream import ScriptedUpstream
from service import free_port, running

from app.up.launch import missing

pytestmark = pytest.mark.timeout(60)


def refusal(chorus, **settings: str) -> str:
    """What `chorus up` says instead of starting."""
    up = chorus("up", UPSTREAM_BASE_URL="http://127.0.0.1:9/v1", **settings)
    assert up.end() == 2, up.text
    return up.text


def test_a_dry_run_names_the_commands_and_starts_nothing(chorus, tmp_path):
    up = chorus("up", "--dry-run", WORKERS="2")
    assert up.end() == 0
    assert "sample-2  chorus worker --sample --name sample-2\n" in up.lines
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("setting", ["PORT", "FLOWER_PORT"])
def test_a_port_in_use_is_named_with_its_setting_before_anything_starts(chorus, setting):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ports = {"PORT": str(free_port()), "FLOWER_PORT": str(free_port()), setting: str(port)}
        said = refusal(chorus, **ports)
    assert said == f"chorus: port {port} is in use: stop what listens there, or set {setting}\n"


def test_a_second_start_on_the_same_data_is_refused(chorus, serve_redis, tmp_path):
    serve_redis()
    said = refusal(chorus, CHORUS_DATA_DIR=str(tmp_path / "data"), PORT=str(free_port()))
    assert "already runs on the data" in said
    assert "CHORUS_DATA_DIR" in said


def test_being_reachable_by_others_without_keys_is_refused(chorus):
    assert "CHORUS_API_KEYS" in refusal(chorus, HOST="0.0.0.0")


def test_a_demo_model_that_is_not_there_is_named(chorus):
    up = chorus("up", CHORUS_DEMO_MODEL="/nowhere/model.gguf")
    assert up.end() == 2
    assert up.text == "chorus: CHORUS_DEMO_MODEL=/nowhere/model.gguf: no such file\n"


def test_what_is_not_ready_is_told_part_by_part():
    report = '{"parts": {"redis": {"status": "ok"}, "upstream": {"status": "failed", "message": "401"}}}'
    assert missing(report) == "upstream: 401"


def test_a_report_of_another_form_is_shown_as_it_is():
    assert missing("<h1>Bad gateway</h1>\n") == "<h1>Bad gateway</h1>"


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="waits for processes as Linux lets one")
def test_nothing_is_left_of_a_chorus_whose_supervisor_was_killed(tmp_path: Path):
    with (
        ScriptedUpstream() as upstream,
        running(tmp_path, {"UPSTREAM_BASE_URL": upstream.base_url}) as found,
    ):
        boss = found.process.pid
        children = Path(f"/proc/{boss}/task/{boss}/children").read_text().split()
        living = {os.pidfd_open(int(child)) for child in children}
        assert len(living) >= 5
        found.process.kill()
        while living:
            ended, _, _ = select.select(living, [], [], 20)
            assert ended, "something still runs"
            living -= set(ended)
            any(map(os.close, ended))
