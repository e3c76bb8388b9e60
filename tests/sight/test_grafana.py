"""The dashboard asks for numbers that there are, and the files around it fit the service."""

import json
import re
from pathlib import Path

import httpx
import yaml
from service import Service
from sight.reading import TOKEN

from workers.metrics import FAMILIES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "grafana"
PANELS = [p for p in json.loads((FOLDER / "chorus.json").read_text())["panels"] if p["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
TAILS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def names_in(expression: str) -> set[str]:
    """The metrics that an expression reads."""
    return set(re.findall(r"\bchorus_\w+", expression))


def test_every_panel_asks_for_numbers_that_exist(service: Service) -> None:
    answer = httpx.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
    families = dict(re.findall(r"^# TYPE (\w+) (\w+)$", answer.text, re.MULTILINE))
    known = {name + tail for name, kind in families.items() for tail in TAILS[kind]}
    for expression in EXPRESSIONS:
        assert names_in(expression), expression
        assert names_in(expression) <= known, expression


def test_every_number_of_the_workers_is_shown() -> None:
    shown = {name.removesuffix("_bucket") for expression in EXPRESSIONS for name in names_in(expression)}
    assert {family.name for family in FAMILIES} <= shown


def test_an_expression_groups_by_labels_that_exist() -> None:
    of_http, of_workers = {"route", "method", "status"}, {"worker", "queue"}
    known = {"le", "instance", *of_http, *of_workers}.union(*(family.labels for family in FAMILIES))
    for expression in EXPRESSIONS:
        grouped = re.findall(r"(?:by|without) \(([^)]*)\)", expression)
        assert {label.strip() for group in grouped for label in group.split(",")} <= known, expression


def test_what_every_web_host_tells_alike_is_not_added_up() -> None:
    """Each host tells the numbers of all workers; only those of HTTP requests are its own."""
    for expression in EXPRESSIONS:
        if not all(name.startswith("chorus_http_") for name in names_in(expression)):
            assert re.search(r"max without \(instance\)|(max|min)( by|\()", expression), expression


def test_compose_scrapes_the_service_and_mounts_what_is_there() -> None:
    extra = yaml.safe_load((FOLDER / "compose.yml").read_text())
    base = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    target = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"][0]["static_configs"]
    host, _, port = target[0]["targets"][0].partition(":")
    assert f"{port}:{port}" in base["services"][host]["ports"]
    mounted = [volume.split(":")[0] for s in extra["services"].values() for volume in s["volumes"]]
    assert all((ROOT / path).exists() for path in mounted if path.startswith("./"))
    assert "METRICS_TOKEN" in base["services"][host]["environment"]


def test_nothing_of_it_is_published_beyond_this_machine() -> None:
    services = yaml.safe_load((FOLDER / "compose.yml").read_text())["services"]
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in ports)
