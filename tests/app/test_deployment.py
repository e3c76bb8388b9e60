"""The files of a deployment agree with the code and with one another."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from app import configuration
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if name != "redis"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
SETTINGS = {row.name for row in configuration.rows(Settings())}
LOCKS = ("requirements.lock", "requirements-demo.lock", "requirements-dev.lock")


def locked(name: str) -> list[Requirement]:
    """The pins of a lock file."""
    return [Requirement(line) for line in (ROOT / name).read_text().splitlines()]


def test_the_services_of_the_readme_exist():
    assert set(SERVICES) == {"tts-service", "control", "worker", "batch", "demo", "flower", "redis"}


def test_every_service_runs_a_command_that_exists():
    from app.cli import main

    for service in OURS.values():
        program, command, *_ = service["command"].split()
        assert (program, command in main.commands) == ("chorus", True)


def test_every_variable_of_compose_is_a_setting():
    named = {name for service in OURS.values() for name in service["environment"] if name != "<<"}
    assert named <= SETTINGS


def test_keys_pass_from_the_environment_without_standing_in_the_file():
    for name in ("OPENROUTER_API_KEY", "OPENAI_API_KEY", "UPSTREAM_API_KEY", "CHORUS_API_KEYS"):
        assert SERVICES["tts-service"]["environment"][name] is None


def test_workers_can_be_scaled():
    assert not {"container_name", "ports", "hostname"} & set(SERVICES["worker"])


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_confined(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]


@pytest.mark.parametrize("name", sorted(set(OURS) - {"demo"}))
def test_whoever_needs_redis_waits_until_it_is_healthy(name):
    assert SERVICES[name]["depends_on"]["redis"] == {"condition": "service_healthy"}


def test_redis_keeps_what_it_gets():
    command = " ".join(SERVICES["redis"]["command"])
    for words in ("--appendonly yes", "--appendfsync everysec", "--maxmemory-policy noeviction"):
        assert words in command
    assert SERVICES["redis"]["volumes"] == ["redis-data:/data"]


def test_only_the_api_is_published_beyond_this_machine():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"tts-service": ["8001:8001"], "flower": ["127.0.0.1:5555:5555"]}


def test_the_image_runs_as_an_ordinary_user():
    assert re.findall(r"^USER (\d+)$", DOCKERFILE, re.MULTILINE) == ["10001"]


def test_the_image_listens_on_its_published_port():
    assert "EXPOSE 8001" in DOCKERFILE
    assert "HOST=0.0.0.0" in DOCKERFILE
    assert "PORT=8001" in DOCKERFILE


def test_the_image_is_given_every_file_it_copies():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    files = {file for line in copied for file in line.split()}
    assert files <= allowed
    assert all((ROOT / file).exists() for file in files)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_versions_and_names_no_host(name):
    assert all(re.fullmatch(r"==[^*]+", str(pin.specifier)) and not pin.url for pin in locked(name))


def test_the_locks_meet_the_requirements_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    wanted = [*project["project"]["dependencies"], *groups["demo"], *groups["dev"]]
    pins = {pin.name: pin for name in LOCKS for pin in locked(name)}
    for line in wanted:
        item = Requirement(line)
        assert item.specifier.contains(str(pins[item.name].specifier)[2:]), line


def test_make_lists_what_it_can_do():
    listed = subprocess.check_output(["make", "-s", "-C", ROOT, "help"], text=True)
    for target in ("setup", "up", "test", "check", "bench", "docs", "clean"):
        assert f"make {target}" in listed


def test_make_says_so_where_there_is_no_python(tmp_path):
    command = ["make", "-s", "-C", ROOT, "up", "PYTHON=", f"VENV={tmp_path}/venv"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert "needs Python 3.11 or newer" in ended.stdout


def test_ci_runs_the_tests_last():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines.index("make check") < lines.index("make test")
