"""Choosing a strategy with nothing but an OpenAI client: by URL, by body, by the model's name."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from asking import choose
from clients.conftest import ListModels
from openai import BadRequestError, NotFoundError, OpenAI
from scripted_upstream import ScriptedUpstream
from service import Service

SINGLE = {"tts_strategy": "single"}


@pytest.fixture
def at(service: Service, upstream: ScriptedUpstream) -> Iterator[Callable[[str], OpenAI]]:
    """The SDK with a strategy in its base URL."""
    with ExitStack() as clients:
        yield lambda name: clients.enter_context(
            OpenAI(base_url=f"{service.base_url}/{name}", api_key="any", max_retries=0)
        )


def test_the_url_names_the_strategy(at: Callable[[str], OpenAI]) -> None:
    assert choose(at("self_consistency")).tts_metadata["strategy"] == "self_consistency"


def test_the_url_wins_over_the_body(at: Callable[[str], OpenAI]) -> None:
    choice = choose(at("self_consistency"), extra_body=SINGLE)
    assert choice.tts_metadata["strategy"] == "self_consistency"


def test_the_url_wins_over_the_model_s_suffix(at: Callable[[str], OpenAI]) -> None:
    choice = choose(at("self_consistency"), model="m@single")
    assert choice.tts_metadata["strategy"] == "self_consistency"


def test_the_body_wins_over_the_model_s_suffix(client: OpenAI, upstream: ScriptedUpstream) -> None:
    choice = choose(client, model="m@deepconf", extra_body=SINGLE)
    assert choice.tts_metadata["strategy"] == "single"
    assert [call.body["model"] for call in upstream.calls] == ["m"]


def test_the_model_s_suffix_wins_over_the_default(client: OpenAI, upstream: ScriptedUpstream) -> None:
    assert choose(client, model="m@self_consistency").tts_metadata["strategy"] == "self_consistency"


def test_the_default_is_deepconf(client: OpenAI, upstream: ScriptedUpstream) -> None:
    assert choose(client).tts_metadata["strategy"] == "deepconf"


def test_a_null_strategy_in_the_body_is_none_at_all(client: OpenAI, upstream: ScriptedUpstream) -> None:
    choice = choose(client, model="m@single", extra_body={"tts_strategy": None})
    assert choice.tts_metadata["strategy"] == "single"


def test_models_are_listed_under_a_strategy_s_url_too(at: Callable[[str], OpenAI]) -> None:
    assert "m" in [model.id for model in at("deepconf").models.list()]


def test_an_unknown_strategy_in_the_url_is_not_found(at: Callable[[str], OpenAI]) -> None:
    with pytest.raises(NotFoundError, match="Did you mean 'deepconf'"):
        choose(at("deepcomf"))


def test_an_unknown_strategy_in_the_body_is_a_bad_request(
    client: OpenAI, upstream: ScriptedUpstream
) -> None:
    with pytest.raises(BadRequestError, match="Did you mean 'single'") as raised:
        choose(client, extra_body={"tts_strategy": "singel"})
    assert raised.value.param == "tts_strategy"
    assert upstream.calls == []


def test_every_model_is_listed_under_every_strategy(client: OpenAI, upstream: ScriptedUpstream) -> None:
    names = {model.id for model in client.models.list()}
    assert {"m", "m@deepconf", "m@self_consistency", "m@single"} <= names


def test_a_strategy_qualified_model_can_be_retrieved(client: OpenAI, upstream: ScriptedUpstream) -> None:
    model = client.models.retrieve("m@deepconf")
    assert (model.id, model.object) == ("m@deepconf", "model")


@pytest.mark.parametrize("name", ["vendor/large", "vendor/large@deepconf", "a/b/c", "v/large:free"])
def test_a_name_with_a_slash_can_be_retrieved(client: OpenAI, list_models: ListModels, name: str) -> None:
    list_models("m", "vendor/large", "a/b/c", "v/large:free")
    assert client.models.retrieve(name).id == name


def test_a_listed_model_with_a_slash_answers(
    client: OpenAI, upstream: ScriptedUpstream, list_models: ListModels
) -> None:
    list_models("m", "vendor/large")
    choose(client, model="vendor/large@single")
    assert upstream.calls[0].body["model"] == "vendor/large"


def test_an_unlisted_model_is_not_found(client: OpenAI, upstream: ScriptedUpstream) -> None:
    with pytest.raises(NotFoundError) as raised:
        client.models.retrieve("vendor/unheard-of")
    assert raised.value.code == "model_not_found"
