"""What a model gives is found out once, and shown to clients and operators."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from asking import post
from click.testing import CliRunner
from scripted_upstream import ScriptedUpstream
from service import Service

from app.cli import main


def capabilities(service: Service, model: str) -> Any:
    """Those on the model's page."""
    return httpx.get(f"{service.base_url}/models/{model}", timeout=30).json()["capabilities"]


@pytest.fixture
def settings(models: ScriptedUpstream, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An operator's settings, whose service does not run."""
    monkeypatch.chdir(tmp_path)
    return {
        "UPSTREAM_BASE_URL": models.base_url,
        "CHORUS_DATA_DIR": str(tmp_path / "data"),
        "DEFAULT_MODEL": "begins-anew-0",
    }


def test_a_models_page_tells_what_it_gives_and_what_that_cost(
    probing: Service, models: ScriptedUpstream
) -> None:
    found = capabilities(probing, "goes-on-1")
    assert (found["prefill"], found["streaming"], found["logprobs"], found["top_logprobs"]) == (
        True,
        True,
        True,
        20,
    )
    assert found["reasons"].keys() == {"n", "seed"}
    assert found["calls"] == len(models.calls)
    assert found["usage"]["prompt_tokens"] == 10 * len(models.calls)


def test_what_is_known_is_not_asked_again(probing: Service, models: ScriptedUpstream) -> None:
    first = capabilities(probing, "goes-on-2")
    models.reset()
    assert capabilities(probing, "goes-on-2@deepconf") == first
    assert models.calls == []


def test_many_who_ask_at_once_cost_one_probe(probing: Service, models: ScriptedUpstream) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: capabilities(probing, "goes-on-7"), range(8)))
    assert found == [found[0]] * 8
    assert len(models.calls) == found[0]["calls"]


def test_the_list_asks_nothing(probing: Service, models: ScriptedUpstream) -> None:
    listed = httpx.get(f"{probing.base_url}/models", timeout=30).json()["data"]
    assert models.calls == []
    assert "capabilities" not in listed[0]


def test_an_estimate_tells_what_is_known_and_asks_nothing(
    probing: Service, models: ScriptedUpstream
) -> None:
    def told() -> Any:
        body = {"model": "begins-anew-1", "tts_strategy": "beam_search"}
        return post(probing.url, "/v1/estimate", **body).json()["capabilities"]

    assert told() == {"logprobs": None, "prefill": None}
    assert models.calls == []
    capabilities(probing, "begins-anew-1")
    assert told() == {"logprobs": True, "prefill": False}


def test_the_doctor_tells_what_the_default_model_gives(settings: dict[str, str]) -> None:
    told = json.loads(CliRunner().invoke(main, ["doctor", "--json"], env=settings).output)
    rows = {row["check"]: row for row in told}
    assert (rows["logprobs"]["state"], rows["logprobs"]["seen"]) == ("ok", "yes, 20 for a token")
    assert (rows["prefill"]["state"], rows["prefill"]["seen"][:4]) == ("warn", "no: ")
    assert "are refused" in rows["prefill"]["do"]


def test_the_doctor_asks_no_model_when_it_may_not(
    settings: dict[str, str], models: ScriptedUpstream
) -> None:
    told = CliRunner().invoke(main, ["doctor"], env={**settings, "PROBE_MODELS": "false"})
    assert "begins-anew-0: not probed" in told.output
    assert models.calls == []


def test_a_model_can_be_probed_by_hand(settings: dict[str, str]) -> None:
    told = CliRunner().invoke(main, ["probe", "goes-on-0", "--json"], env=settings)
    found = json.loads(told.output)
    assert (found["model"], found["prefill"], found["n"]) == ("goes-on-0", True, False)
