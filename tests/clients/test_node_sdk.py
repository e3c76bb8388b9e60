"""The official Node SDK, run by Node itself."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from clients.official import CHUNK, COMPLETION, check
from scripted_upstream import ScriptedUpstream, text
from service import Service

HERE = Path(__file__).with_name("node")
INSTALL = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with the SDK installed beside the script."""
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    if installed() != wanted():
        subprocess.run(INSTALL, cwd=HERE, check=True, timeout=100)
    return found


def wanted() -> str:
    return str(json.loads((HERE / "package.json").read_text())["dependencies"]["openai"])


def installed() -> str | None:
    package = HERE / "node_modules" / "openai" / "package.json"
    return json.loads(package.read_text())["version"] if package.exists() else None


@pytest.fixture(scope="module")
def seen(node: str, service: Service, upstream_server: ScriptedUpstream) -> dict[str, Any]:
    """What the script saw of the service."""
    upstream_server.reset()
    upstream_server.reply = lambda _call: text("The answer is \\boxed{42}.")
    command = [node, "ask.mjs", service.base_url]
    done = subprocess.run(command, cwd=HERE, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_an_answer_carries_its_metadata(seen: dict[str, Any]) -> None:
    choice = seen["created"]["choices"][0]
    assert choice["message"]["content"] == "The answer is \\boxed{42}."
    assert choice["tts_metadata"]["num_traces"] == 3


def test_an_answer_is_a_valid_completion(seen: dict[str, Any]) -> None:
    check(COMPLETION, seen["created"])


def test_the_pieces_of_a_stream_join_to_the_answer(seen: dict[str, Any]) -> None:
    deltas = [chunk["choices"][0]["delta"] for chunk in seen["chunks"] if chunk["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "The answer is \\boxed{42}."


def test_a_stream_ends_with_its_usage(seen: dict[str, Any]) -> None:
    last = seen["chunks"][-1]
    assert (last["choices"], last["usage"]["prompt_tokens"]) == ([], 80)


def test_every_chunk_is_a_valid_one(seen: dict[str, Any]) -> None:
    for chunk in seen["chunks"]:
        check(CHUNK, chunk)


def test_the_accumulating_helper_keeps_text_and_metadata(seen: dict[str, Any]) -> None:
    choice = seen["accumulated"]["choices"][0]
    assert choice["message"]["content"] == "The answer is \\boxed{42}."
    assert choice["finish_reason"] == "stop"
    assert choice["tts_metadata"]["num_traces"] == 8


def test_a_wrong_parameter_is_a_bad_request(seen: dict[str, Any]) -> None:
    refused = seen["refused"]
    assert (refused["name"], refused["status"], refused["param"]) == ("BadRequestError", 400, "temperature")
    assert refused["requestID"].startswith("req_")


def test_an_unknown_model_is_not_found(seen: dict[str, Any]) -> None:
    missing = seen["missing"]
    assert (missing["name"], missing["status"]) == ("NotFoundError", 404)
    assert missing["code"] == "model_not_found"


def test_a_misspelt_option_is_a_bad_request(seen: dict[str, Any]) -> None:
    assert (seen["misspelt"]["status"], seen["misspelt"]["param"]) == (400, "tts_bugdet")


def test_models_are_listed_and_retrieved(seen: dict[str, Any]) -> None:
    assert {"m", "m@deepconf"} <= set(seen["names"])
    assert seen["retrieved"]["id"] == "m@deepconf"
