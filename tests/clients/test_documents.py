"""The API's own description and its page."""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from jsonschema import Draft202012Validator
from service import Service

NOT_SERVED = {"unknown_url", "method_not_allowed"}
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture
def document(service: Service) -> dict[str, Any]:
    return dict(httpx.get(f"{service.url}/openapi.json").json())


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Path, path item and operation of every operation."""
    for path, item in document["paths"].items():
        yield from ((path, item, item[method]) for method in METHODS & set(item))


def references(value: Any) -> Iterator[str]:
    """Every $ref in a document."""
    if isinstance(value, dict):
        yield from [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        for part in value.values():
            yield from references(part)
    elif isinstance(value, list):
        for part in value:
            yield from references(part)


def resolved(document: dict[str, Any], reference: str) -> Any:
    """What a local reference points at. Raises KeyError."""
    found: Any = document
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def test_it_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert {"title", "version"} <= document["info"].keys()
    assert document["paths"]


def test_every_operation_tells_its_responses(document: dict[str, Any]) -> None:
    for path, _, operation in operations(document):
        assert operation["responses"], path
        assert all(response["description"] for response in operation["responses"].values()), path


def test_every_parameter_of_a_path_is_declared(document: dict[str, Any]) -> None:
    for path, item, operation in operations(document):
        declared = [*item.get("parameters", []), *operation.get("parameters", [])]
        in_path = {p["name"] for p in declared if p["in"] == "path" and p["required"]}
        assert in_path == set(re.findall(r"\{(\w+)\}", path)), path


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = list(references(document))
    assert found
    assert all(resolved(document, reference) for reference in found)


def test_every_schema_is_valid_json_schema(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_option_of_a_strategy_is_described(document: dict[str, Any], http: httpx.Client) -> None:
    [request] = [schema for name, schema in document["components"]["schemas"].items() if "Chat" in name]
    listed = http.get("/strategies").json()["data"]
    options = {name for strategy in listed for name in strategy["parameters"]["properties"]}
    assert {"tts_budget", "tts_filter_method"} <= options <= request["properties"].keys()


def test_every_strategy_tells_its_options_as_json_schema(http: httpx.Client) -> None:
    for strategy in http.get("/strategies").json()["data"]:
        Draft202012Validator.check_schema(strategy["parameters"])
        defaults = {name: s["default"] for name, s in strategy["parameters"]["properties"].items()}
        Draft202012Validator(strategy["parameters"]).validate(defaults)


def test_every_described_route_is_served(document: dict[str, Any], service: Service) -> None:
    for path, item, _ in operations(document):
        filled = path.replace("{strategy}", "single").replace("{id}", "m")
        method = "GET" if "get" in item else "POST"
        answer = httpx.request(method, f"{service.url}{filled}")
        assert answer.status_code < 400 or answer.json()["error"]["code"] not in NOT_SERVED, path


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_the_page_is_served(service: Service, path: str) -> None:
    page = httpx.get(f"{service.url}{path}", follow_redirects=True)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")


def test_the_page_loads_nothing_from_elsewhere(service: Service) -> None:
    page = httpx.get(f"{service.url}/docs/")
    loaded = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)""", page.text)
    assert loaded
    for link in loaded:
        target = urljoin(f"{service.url}/docs/", link)
        assert target.startswith(service.url), link
        assert httpx.get(target).status_code == 200, link


def test_the_page_shows_our_description(service: Service) -> None:
    page = httpx.get(f"{service.url}/docs/").text
    [url] = re.findall(r'"url":\s*("[^"]+")', page)
    assert json.loads(url) == "/openapi.json"


def test_the_page_shows_our_description_to_no_validator_elsewhere(service: Service) -> None:
    page = httpx.get(f"{service.url}/docs/").text
    assert re.search(r'"validatorUrl":\s*(null|"none")', page)
