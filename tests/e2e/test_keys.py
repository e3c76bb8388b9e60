"""Keys that the operator makes and takes back while the service runs; what one sees of another."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from asking import QUESTION, ask
from batching import ended, hand_in, line
from jobs import Jobs
from keyed import client_of, made_for
from openai import AuthenticationError, OpenAI
from scripted_upstream import ScriptedUpstream
from service import Service, clean_environment

from workers.store import connect

ONE_LINE = 2


def chorus(folder: Path, *words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """`chorus keys` on a data folder."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "keys", *words],
        cwd=Path(__file__).parents[2],
        env={**clean_environment(), "CHORUS_DATA_DIR": str(folder), **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def sdk(service: Service, key: str) -> OpenAI:
    """The SDK with this key."""
    return OpenAI(base_url=service.base_url, api_key=key, max_retries=0)


@pytest.fixture
def client(shared: Service, upstream: ScriptedUpstream) -> Iterator[OpenAI]:
    """The SDK with a key of its own."""
    with client_of(shared) as found:
        yield found


def test_a_key_opens_the_service_as_soon_as_it_is_made_and_no_longer_than_it_is_good(
    shared: Service, upstream: ScriptedUpstream
) -> None:
    made = json.loads(chorus(shared.data_dir, "create", "--name", "alice", "--json").stdout)
    with sdk(shared, made["key"]) as client:
        ask(client, extra_body={"tts_strategy": "single"})
        listed = chorus(shared.data_dir, "list", "--json").stdout
        chorus(shared.data_dir, "revoke", made["id"])
        for _ in range(8):  # whichever web process it comes to
            with pytest.raises(AuthenticationError, match="revoked") as refused:
                ask(client)
    assert refused.value.code == "invalid_api_key"
    row = next(row for row in json.loads(listed) if row["id"] == made["id"])
    assert (row["name"], row["state"], row["spent_today"]["runs"]) == ("alice", "active", 1)
    assert row["last_used_at"]
    assert made["key"].rpartition("-")[2] not in listed


def test_a_key_that_has_expired_is_refused(shared: Service) -> None:
    token = made_for(shared, expires_s=time.time() - 1)
    with sdk(shared, token) as client, pytest.raises(AuthenticationError, match="expired"):
        client.models.list()


@pytest.mark.parametrize("change", ["secret", "id", "form"])
def test_what_only_looks_like_a_key_is_refused(shared: Service, change: str) -> None:
    token = made_for(shared)
    wrong = {
        "secret": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "id": token.replace(token[10:22], "0" * 12),
        "form": token + "x",
    }[change]
    with sdk(shared, wrong) as client, pytest.raises(AuthenticationError, match="Incorrect API key"):
        client.models.list()


def test_configured_keys_go_on_to_work_beside_managed_ones(
    owners: tuple[Jobs, Jobs], client: OpenAI
) -> None:
    assert owners[0].get().status_code == 200
    assert client.models.list().data


def test_no_secret_is_kept(shared: Service, upstream: ScriptedUpstream) -> None:
    token = made_for(shared)
    with sdk(shared, token) as client:
        ask(client, extra_body={"tts_strategy": "single"})
    secret = token.split("-", 3)[3]
    with connect(shared.store_url, most=1) as store:
        record = store.get(f"chorus:key:{token.split('-')[2]}")
    assert record
    assert b'"digest"' in record
    written = [shared.log, *(path for path in shared.data_dir.rglob("*") if path.is_file())]
    assert any(record in path.read_bytes() for path in written)
    assert not [path for path in written if secret.encode() in path.read_bytes()]


def test_keys_are_made_and_kept_while_no_service_runs(tmp_path: Path) -> None:
    made = json.loads(chorus(tmp_path, "create", "--name", "early", "--rpm", "5", "--json").stdout)
    listed = json.loads(chorus(tmp_path, "list", "--json").stdout)
    assert [(row["id"], row["requests_per_minute"]) for row in listed] == [(made["id"], 5)]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("create", "--name", "x", "--expires", "soon"), "30d"),
        (("create", "--name", "x", "--expires", "2001-01-01"), "over already"),
        (("create", "--name", "x", "--strategies", "voting"), "self_consistency"),
        (("create", "--name", "x", "--rpm", "0"), "x>=1"),
        (("revoke", "nobody"), "there is no key"),
    ],
)
def test_mistakes_are_explained(shared: Service, words: tuple[str, ...], hint: str) -> None:
    failed = chorus(shared.data_dir, *words)
    assert failed.returncode != 0
    assert hint in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_store_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    failed = chorus(tmp_path, "list", REDIS_URL="redis://:hidden@127.0.0.1:1/0")
    assert failed.returncode == ONE_LINE
    assert "REDIS_URL does not answer" in failed.stderr
    assert "hidden" not in failed.stderr


def made_by(client: OpenAI) -> dict[str, str]:
    """One thing of each kind that a key can own, as paths."""
    jobs = Jobs(str(client.base_url).removesuffix("/v1/"), client.api_key)
    job_id = jobs.done(tts_budget=1)["id"]
    jobs.http.close()
    batch = ended(client, hand_in(client, [line("a")]))
    response = client.responses.create(model="m", input="?", extra_body={"tts_strategy": "single"})
    return {
        "job": f"/jobs/{job_id}",
        "traces": f"/jobs/{job_id}/traces",
        "events": f"/jobs/{job_id}/events",
        "response": f"/responses/{response.id}",
        "input": f"/responses/{response.id}/input_items",
        "batch": f"/batches/{batch.id}",
        "file": f"/files/{batch.input_file_id}",
        "content": f"/files/{batch.input_file_id}/content",
        "output": f"/files/{batch.output_file_id}/content",
    }


POSTED: dict[str, dict[str, Any]] = {
    "job": {"cancel": {}, "revote": {}, "extend": {"traces": 1}},
    "batch": {"cancel": {}},
}


def test_nothing_of_one_key_is_found_by_another(shared: Service, client: OpenAI) -> None:
    paths = made_by(client)
    compare = {"strategies": [{"strategy": "self_consistency"}]}
    with httpx.Client(
        base_url=shared.base_url, headers={"Authorization": f"Bearer {made_for(shared)}"}, timeout=30
    ) as stranger:
        found = {name: stranger.get(path).status_code for name, path in paths.items()}
        found |= {
            f"{name}/{act}": stranger.post(f"{paths[name]}/{act}", json=body).status_code
            for name, acts in POSTED.items()
            for act, body in acts.items()
        }
        found["compare"] = stranger.post(f"{paths['job']}/compare", json=compare).status_code
        found["use"] = stranger.post(
            "/batches",
            json={
                "input_file_id": paths["file"].rpartition("/")[2],
                "endpoint": "/v1/chat/completions",
                "completion_window": "24h",
            },
        ).status_code
        found |= {f"delete {name}": stranger.delete(paths[name]).status_code for name in ("job", "file")}
        lists = [stranger.get(path).json()["data"] for path in ("/jobs", "/batches", "/files")]
    assert set(found.values()) == {404}, found
    assert lists == [[], [], []]


def test_the_answer_of_one_key_is_no_answer_to_the_same_question_of_another(
    shared: Service, client: OpenAI, upstream: ScriptedUpstream
) -> None:
    headers = {"x-stainless-retry-count": "1", "idempotency-key": "same"}
    body = {"model": "m", "messages": QUESTION, "tts_strategy": "single"}
    ids = {
        httpx.post(
            f"{shared.base_url}/chat/completions",
            json=body,
            headers={**headers, "Authorization": f"Bearer {key}"},
            timeout=30,
        ).json()["id"]
        for key in (client.api_key, made_for(shared))
    }
    assert len(ids) == 2
