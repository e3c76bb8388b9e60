"""The box at the end of a start tells a newcomer where everything is and what to try."""

import json
import shlex

import pytest

from app.up.banner import banner, try_it
from app.up.console import Console
from workers.settings import Settings


def text(settings: Settings, missing: str = "") -> str:
    """The whole box."""
    return "\n".join(banner(settings, missing))


def test_the_addresses_of_the_api_its_docs_and_flower_are_told():
    shown = text(Settings(port=9001, flower_port=5556))
    for url in ("http://127.0.0.1:9001/v1", "http://127.0.0.1:9001/docs", "http://127.0.0.1:5556"):
        assert url in shown


def test_the_demo_model_is_called_a_toy():
    assert "THE MODEL IS A TOY" in text(Settings())


def test_a_real_upstream_is_not_called_a_toy():
    assert "TOY" not in text(Settings(openai_api_key="k"))


def test_no_secret_is_shown():
    settings = Settings(openai_api_key="hidden", api_keys="hidden", flower_basic_auth="me:hidden")
    assert "hidden" not in text(settings)


def test_what_is_not_ready_is_shown():
    assert "upstream: 401" in text(Settings(), missing="upstream: 401")


@pytest.mark.parametrize("settings", [Settings(), Settings(openai_api_key="k", default_model="m")])
def test_the_line_to_try_is_a_complete_request(settings):
    words = shlex.split(try_it(settings))
    body = json.loads(words[words.index("-d") + 1])
    assert body["model"] in {"smollm2-135m-instruct", "m"}
    assert body["messages"][0]["role"] == "user"


def test_the_line_to_try_asks_for_a_key_where_one_is_needed():
    assert "Authorization: Bearer" in try_it(Settings(api_keys="k"))


def test_lines_carry_the_name_of_their_speaker(capsys):
    Console(width=5).say("web", "hello")
    assert capsys.readouterr().out == "web   | hello\n"


def test_bare_lines_are_left_as_they_are(capsys):
    Console(bare=True).say("web", '{"a": 1}')
    assert capsys.readouterr().out == '{"a": 1}\n'


def test_the_supervisors_own_lines_are_json_among_json(capsys):
    Console(bare=True).step("web ready")
    assert json.loads(capsys.readouterr().out)["message"] == "web ready"
