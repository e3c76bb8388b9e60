"""Who may call, and from where."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.keyring import keyring
from app.up.commands import check_exposure
from workers.access import AccessKeys
from workers.settings import Settings, SettingsError


@pytest.fixture
def guarded() -> FlaskClient:
    """The API of an operator who gave out two keys."""
    return create_app(Settings(api_keys="first-key, second-key")).test_client()


@pytest.mark.parametrize("key", ["first-key", "second-key"])
def test_a_known_key_may_call(guarded: FlaskClient, key: str) -> None:
    assert guarded.get("/v1/strategies", headers={"Authorization": f"Bearer {key}"}).status_code == 200


@pytest.mark.parametrize(
    "sent", ["", "Bearer wrong", "Bearer", "Basic first-key", "first-key", "Bearer ключ"]
)
def test_anybody_else_is_refused_as_openai_does(guarded: FlaskClient, sent: str) -> None:
    answer = guarded.get("/v1/strategies", headers={"Authorization": sent} if sent else {})
    assert answer.status_code == 401
    assert answer.get_json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize("path", ["/health", "/openapi.json", "/docs/"])
def test_liveness_and_docs_need_no_key(guarded: FlaskClient, path: str) -> None:
    assert guarded.get(path).status_code == 200


def test_without_keys_anybody_may_call() -> None:
    assert create_app(Settings()).test_client().get("/v1/strategies").status_code == 200


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[Settings, AccessKeys]]:
    """A store of keys, and the settings that lead to it."""
    settings = Settings(data_dir=str(tmp_path))
    with keyring(settings) as found:
        yield settings, found


def status(settings: Settings, token: str) -> int:
    """What a caller with this token is answered."""
    sent = {"Authorization": f"Bearer {token}"}
    return create_app(settings).test_client().get("/v1/jobs", headers=sent).status_code


def test_from_the_first_managed_key_on_nobody_may_call_without_one(
    own: tuple[Settings, AccessKeys],
) -> None:
    settings, access = own
    assert status(settings, "any") == 200
    key, token = access.create("alice")
    assert (status(settings, "any"), status(settings, token)) == (401, 200)
    access.revoke(key)
    assert (status(settings, "any"), status(settings, token)) == (401, 401)
    access.forget(key)
    assert status(settings, "any") == 200


def test_a_service_that_others_can_reach_is_never_open_by_chance(own: tuple[Settings, AccessKeys]) -> None:
    settings, access = own
    public = replace(settings, host="192.0.2.1")
    with pytest.raises(SettingsError, match="chorus keys"):
        check_exposure(public)
    assert status(public, "any") == 401
    access.create("alice")
    check_exposure(public)


def test_a_store_that_is_away_lets_nobody_in(tmp_path: Path) -> None:
    assert status(Settings(redis_url=f"unix://{tmp_path}/none.sock"), "any") == 503


def test_browsers_of_listed_origins_may_call() -> None:
    page = create_app(Settings(cors_origins="https://chat.example")).test_client()
    asked = {"Origin": "https://chat.example", "Access-Control-Request-Method": "POST"}
    allowed = page.options("/v1/chat/completions", headers=asked)
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://chat.example"
    stranger = page.options("/v1/chat/completions", headers={**asked, "Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in stranger.headers


def test_a_preflight_needs_no_key(guarded: FlaskClient) -> None:
    asked = {"Origin": "https://chat.example", "Access-Control-Request-Method": "POST"}
    assert guarded.options("/v1/chat/completions", headers=asked).status_code == 200
