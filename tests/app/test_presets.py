"""Presets: bundles of fields that an operator gives a name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asking import post
from click.testing import CliRunner
from flask import g
from openai import OpenAI
from scripted_upstream import ScriptedUpstream, text
from service import Service, running

from app import doctor
from app.batches.reading import Reader
from app.cli import main
from app.configuration import check_presets
from app.factory import create_app
from app.permits import may_use
from app.presets import PLAIN, presets
from app.questions import Question, read_question
from app.responses.reading import read_response
from app.schemas.chat import load_chat
from workers.access import Allowance
from workers.settings import Settings, SettingsError

OWN = """
[fast]
tts_strategy = "self_consistency"
tts_budget = 3
tts_answer_format = "number"

[careful]
model = "large"
description = "For what has to be right."
tts_strategy = "deepconf"
tts_budget = 4
tts_filter_method = "none"
tts_confidence = "tail"
"""


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[..., Settings]:
    """The settings with a file of presets of this text."""

    def written(file: str, **changes: Any) -> Settings:
        (tmp_path / "presets.toml").write_text(file)
        return Settings(presets_file=str(tmp_path / "presets.toml"), default_model="m", **changes)

    return written


@pytest.fixture
def ask(settings_of: Callable[..., Settings]) -> Callable[..., Question]:
    """How a question is read under OWN; `url` is the strategy in the URL."""
    settings = settings_of(OWN)

    def read(model: str, url: str | None = None, **fields: Any) -> Question:
        return read_question(load_chat({**PLAIN, "model": model, **fields}), url, settings)

    return read


def asked(question: Question) -> tuple[str, str, Any]:
    """The model, the strategy and the budget."""
    request = question.request
    return request.sampling.model, request.strategy, request.options.get("budget")


@pytest.mark.parametrize(
    ("name", "stands_for"),
    [
        ("fast", ("m", "adaptive_consistency", 6)),
        ("balanced", ("m", "deepconf", 16)),
        ("max", ("m", "deepconf", 64)),
    ],
)
def test_three_presets_are_there_without_a_file(name: str, stands_for: tuple[str, str, int]) -> None:
    question = read_question({**PLAIN, "model": name}, None, Settings(default_model="m"))
    assert asked(question) == stands_for
    assert not question.request.warnings


def test_the_larger_two_stop_weak_traces_as_they_are_written() -> None:
    known = presets(Settings())
    assert [known[name].fields.get("tts_mode") for name in known] == [None, "online", "online"]


def test_a_shipped_preset_keeps_within_the_largest_budget() -> None:
    settings = Settings(max_budget=8)
    check_presets(settings)
    assert presets(settings)["max"].fields["tts_budget"] == 8


def test_a_preset_by_itself_asks_the_default_model(ask: Callable[..., Question]) -> None:
    assert asked(ask("fast")) == ("m", "self_consistency", 3)


def test_a_preset_may_name_its_model(ask: Callable[..., Question]) -> None:
    assert asked(ask("careful")) == ("large", "deepconf", 4)


def test_the_model_before_the_preset_wins_over_the_presets_own(ask: Callable[..., Question]) -> None:
    assert asked(ask("org/small@v2@careful")) == ("org/small@v2", "deepconf", 4)


def test_the_answer_bears_the_name_that_was_asked_for(ask: Callable[..., Question]) -> None:
    assert ask("m@careful").model == "m@careful"


def test_the_file_replaces_a_preset_and_leaves_the_others(settings_of: Callable[..., Settings]) -> None:
    assert list(presets(settings_of(OWN))) == ["fast", "balanced", "max", "careful"]


def test_a_field_of_the_request_wins_over_the_preset(ask: Callable[..., Question]) -> None:
    question = ask("fast", tts_budget=5, tts_answer_format="choice")
    assert asked(question) == ("m", "self_consistency", 5)
    assert question.request.sampling.answer_format == "choice"


def test_a_null_leaves_the_field_to_the_preset(ask: Callable[..., Question]) -> None:
    assert asked(ask("fast", tts_budget=None)) == ("m", "self_consistency", 3)


def test_the_strategy_of_the_body_wins_and_takes_what_it_knows_of_the_rest(
    ask: Callable[..., Question],
) -> None:
    question = ask("careful", tts_strategy="self_consistency")
    assert asked(question) == ("large", "self_consistency", 4)
    assert not question.request.warnings


def test_the_strategy_of_the_url_wins_over_both(ask: Callable[..., Question]) -> None:
    assert asked(ask("careful", "single", tts_strategy="self_consistency"))[1] == "single"


def test_fields_for_all_strategies_may_be_preset(ask: Callable[..., Question]) -> None:
    assert ask("fast").request.sampling.answer_format == "number"


def test_a_response_may_ask_for_a_preset(settings_of: Callable[..., Settings]) -> None:
    question = read_response({"model": "m@fast", "input": "hi"}, None, settings_of(OWN))
    assert asked(question) == ("m", "self_consistency", 3)


def test_a_line_of_a_batch_may_ask_for_a_preset(settings_of: Callable[..., Settings]) -> None:
    checked: list[str] = []
    reader = Reader(
        settings_of(OWN), "/v1/chat/completions", lambda model, parameter: checked.append(model)
    )
    entry = reader.entry("1", {**PLAIN, "model": "careful"})
    assert (entry.refused, entry.traces, checked) == (None, 4, ["large"])


def test_an_estimate_may_be_of_a_preset(settings_of: Callable[..., Settings]) -> None:
    settings = settings_of(OWN, redis_url="redis://127.0.0.1:1/0")
    told = create_app(settings).test_client().post("/v1/estimate", json={**PLAIN, "model": "fast"}).json
    assert (told["model"], told["strategy"]) == ("fast", "self_consistency")
    assert told["calls"] == {"at_least": 3, "at_most": 3}


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("[a]\ntts_budgett = 3", "preset 'a': Invalid value for 'tts_budgett': Unknown parameter. Did you"),
        ("[a]\ntts_budget = 'x'", "preset 'a': Invalid value for 'tts_budget': Must be an integer."),
        ("[a]\ntts_budget = 513", "preset 'a': Invalid value for 'tts_budget': Must be from 1 to 512."),
        ("[a]\ntts_strategy = 'depconf'", "preset 'a': There is no strategy 'depconf'. Did you mean"),
        ("[a]\ntts_window_size = 'auto'", "preset 'a': 'auto' goes with tts_mode 'online'."),
        ("[a]\ntts_first = 3", "preset 'a': tts_first is not used by deepconf."),
        ("[a]\ntemperature = 3", "preset 'a': temperature: use tts_ fields, 'model' and"),
        ("[a]\nmodel = 3", "preset 'a': model: write a string"),
        ("[a]\nmodel = 'x@max'", "preset 'a': model: name one of the upstream's, without a suffix"),
        ("[a]\nmodel = 'max'", "preset 'a': model: name one of the upstream's, without a suffix"),
        ("a = 3", "'a' is no preset: write [a]"),
        ("[single]", "preset 'single': the name is that of a strategy"),
        ("[m]", "preset 'm': the name is that of the default model"),
        ("['a b']", "preset 'a b': use letters"),
        ("[a", "is no TOML: "),
    ],
)
def test_a_mistake_is_found_at_the_start_with_file_preset_and_field(
    settings_of: Callable[..., Settings], file: str, found: str
) -> None:
    settings = settings_of(file)
    with pytest.raises(SettingsError) as caught:
        create_app(settings)
    assert str(caught.value).startswith(f"PRESETS_FILE={settings.presets_file}: {found}")


@pytest.mark.parametrize("command", ["config", "doctor"])
def test_a_mistake_ends_a_command_in_one_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "own.toml").write_text("[a]\ntts_budget = 0\n")
    result = CliRunner().invoke(main, [command], env={"PRESETS_FILE": str(tmp_path / "own.toml")})
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "own.toml: preset 'a': Invalid value for 'tts_budget'" in result.output


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read"):
        check_presets(Settings(presets_file=str(tmp_path / "none.toml")))


def test_the_doctor_sees_a_preset_that_hides_a_model_of_the_upstream() -> None:
    finding = doctor.check_presets(Settings(), ("fast", "m"))
    assert (finding.state, finding.seen) == ("fail", "fast: a model of the upstream has this name")
    assert doctor.check_presets(Settings(), ("m",)).state == "ok"


def test_the_sdk_lists_presets_alone_and_behind_every_model(client: OpenAI) -> None:
    listed = {model.id for model in client.models.list()}
    assert {"fast", "balanced", "max", "m@fast", "m@balanced", "m@max", "m@deepconf"} <= listed


@pytest.mark.parametrize("name", ["fast", "m@fast"])
def test_the_sdk_is_told_what_a_preset_stands_for(client: OpenAI, name: str) -> None:
    shown: Any = client.models.retrieve(name)
    assert (shown.id, shown.object) == (name, "model")
    assert shown.preset["model"] == "m"
    assert shown.preset["fields"] == {"tts_strategy": "adaptive_consistency", "tts_budget": 6}


def test_a_job_may_ask_for_a_preset(service: Service, upstream: ScriptedUpstream) -> None:
    job = post(service.url, "/v1/jobs", model="fast").json()
    assert (job["model"], job["strategy"]) == ("fast", "adaptive_consistency")
    upstream.wait_for(lambda calls: len(calls) >= 4)
    post(service.url, f"/v1/jobs/{job['id']}/cancel")


def test_an_operators_preset_answers_the_sdk(
    tmp_path: Path, upstream_server: ScriptedUpstream, upstream: ScriptedUpstream
) -> None:
    (tmp_path / "own.toml").write_text(OWN.replace("large", "m"))
    settings = {
        "UPSTREAM_BASE_URL": upstream_server.base_url,
        "DEFAULT_MODEL": "m",
        "PRESETS_FILE": str(tmp_path / "own.toml"),
    }
    upstream.reply = lambda _call: text("\\boxed{42}")
    with running(tmp_path, settings) as service:
        told = answered(service)
    assert (told["strategy"], told["num_traces"], len(upstream.calls)) == ("deepconf", 4, 4)
    assert {call.body["model"] for call in upstream.calls} == {"m"}


def answered(service: Service) -> dict[str, Any]:
    """What the SDK is told of the answer to `careful`."""
    with OpenAI(base_url=service.base_url, api_key="any", max_retries=0) as client:
        response = client.chat.completions.create(**{**PLAIN, "model": "careful"})  # type: ignore[call-overload]
    told: dict[str, Any] = response.choices[0].tts_metadata
    return told


@pytest.mark.parametrize(
    ("fields", "may"),
    [
        ({"tts_strategy": "ensemble", "tts_models": ["m", "fine-1"]}, True),
        ({"tts_strategy": "ensemble", "tts_models": ["m", "dear"]}, False),
        ({"tts_strategy": "mixture_of_agents", "tts_aggregator": "dear"}, False),
        ({"tts_strategy": "best_of_n", "tts_judge_model": "dear"}, False),
    ],
)
def test_a_preset_is_listed_only_to_keys_that_may_use_all_its_models(
    fields: dict[str, Any], may: bool
) -> None:
    app = create_app(Settings(default_model="m", check_models=False))
    with app.test_request_context():
        g.allowance = Allowance(models=("m", "fine-*"))
        assert may_use(fields, "m") is may
