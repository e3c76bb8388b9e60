"""Several upstreams: what their file may say, and who is asked for a model."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app import configuration, doctor
from workers.settings import Settings, SettingsError
from workers.upstreams import Breaker, Quota, Upstreams

FILE = """
[upstreams.local]
base_url = "http://localhost:8000/v1/"
models = ["qwen", "meta/*"]
fallbacks = ["router"]
max_concurrency = 64

[upstreams.router]
base_url = "https://router.example/api/v1"
api_key_env = "ROUTER_KEY"
models = ["meta/large", "*"]
aliases = { qwen = "vendor/qwen-3" }
price.default = { prompt = 1, completion = 2.5 }
price."meta/large" = { prompt = 3.0, completion = 4.0, cached = 0.3 }

[upstreams.openai]
base_url = "https://api.openai.com/v1"
drops_prefix = "openai/"
models = ["openai/*"]
breaker_failures = 0
"""
SECRET = "sk-router-secret"
Write = Callable[..., Settings]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Settings with a file of this content."""
    monkeypatch.setenv("ROUTER_KEY", SECRET)

    def written(content: str, **changes: str | int) -> Settings:
        path = tmp_path / "upstreams.toml"
        path.write_text(content)
        return Settings(upstreams_file=str(path), **changes)

    return written


@pytest.fixture
def upstreams(write: Write) -> Upstreams:
    return write(FILE).upstreams


def test_without_a_file_there_is_the_one_upstream_of_the_environment() -> None:
    found = Settings(openai_api_key="k").upstreams
    assert list(found.by_name) == ["openai"]
    assert found.route("anything") is found.default


@pytest.mark.parametrize(
    ("model", "upstream", "there"),
    [
        ("qwen", "local", "qwen"),
        ("meta/small", "local", "meta/small"),
        ("meta/large", "router", "meta/large"),
        ("openai/gpt", "openai", "gpt"),
        ("whatever", "router", "whatever"),
    ],
)
def test_a_models_name_goes_before_the_longest_beginning(
    upstreams: Upstreams, model: str, upstream: str, there: str
) -> None:
    found = upstreams.route(model)
    assert (found.name, found.name_of(model)) == (upstream, there)


def test_a_model_that_none_is_meant_for_goes_to_the_default(write: Write) -> None:
    found = write('default = "b"\n' + named("a") + 'models = ["x"]\n' + named("b") + 'models = ["y"]')
    assert found.upstreams.route("z").name == "b"


def test_the_environments_own_upstream_is_the_default_unless_the_file_names_one(write: Write) -> None:
    found = write(named("a") + 'models = ["x"]', upstream_base_url="http://own/v1").upstreams
    assert found.default.name == "custom"
    assert found.route("x").name == "a"


def test_a_fallback_is_asked_for_what_it_serves_and_by_its_own_name(upstreams: Upstreams) -> None:
    [router] = upstreams.instead_of(upstreams.by_name["local"], "qwen")
    assert router.name_of("qwen") == "vendor/qwen-3"


def test_a_fallback_that_does_not_serve_the_model_is_not_asked(write: Write) -> None:
    found = write(named("a") + 'fallbacks = ["b"]\n' + named("b") + 'models = ["y"]').upstreams
    assert found.instead_of(found.by_name["a"], "x") == ()


def test_prices_and_limits_are_read(write: Write) -> None:
    found = write(FILE, upstream_max_concurrency=8).upstreams.by_name
    assert found["router"].price("meta/large") != found["router"].price("x") is not None
    assert found["local"].price("qwen") is None
    assert found["local"].quota == Quota(64)
    assert found["openai"].quota == Quota(8)
    assert found["openai"].breaker is None
    assert found["local"].breaker == Breaker()


def named(name: str) -> str:
    return f'\n[upstreams.{name}]\nbase_url = "http://127.0.0.1:1/{name}/v1"\n'


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("[upstreams", ["is no TOML"]),
        ("", ["upstreams"]),
        ("[upstreams.a]", ["[upstreams.a]", "base_url"]),
        (named("a") + "base_urls = 1", ["[upstreams.a]", "base_urls"]),
        (named("a") + "max_concurrency = 0", ["[upstreams.a]", "max_concurrency"]),
        (named("a") + 'models = ["a*b"]', ["[upstreams.a]", "models"]),
        (named("a") + 'price.default = {prompt = -1, completion = 2}', ["[upstreams.a]", "prompt"]),
        (named("a") + 'fallbacks = ["b"]', ["[upstreams.a]", "fallbacks", "'b'"]),
        (named("a") + 'fallbacks = ["a"]', ["[upstreams.a]", "fallbacks", "itself"]),
        (named("a") + 'api_key_env = "NOT_THERE"', ["[upstreams.a]", "api_key_env", "NOT_THERE"]),
        ('default = "b"' + named("a"), ["default", "'b'"]),
        ('[upstreams.a]\nbase_url = "http://user:sk-1@a/v1"', ["[upstreams.a]", "base_url"]),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_file_table_and_field(write: Write, content: str, names: list[str]) -> None:
    with pytest.raises(SettingsError) as raised:
        configuration.check(write(content))
    for name in ["UPSTREAMS_FILE", "upstreams.toml", *names]:
        assert name in str(raised.value)
    assert "sk-1" not in str(raised.value)


def test_the_limit_of_the_environment_is_of_its_own_upstream_too() -> None:
    settings = Settings(upstream_base_url="http://own/v1", upstream_max_concurrency=4)
    assert settings.upstream.quota == Quota(4)
    assert not Settings(upstream_base_url="http://own/v1").upstream.is_limited


def test_the_example_is_valid_as_it_stands() -> None:
    path = Path(__file__).parent.parent.parent / "examples" / "upstreams.toml"
    found = Settings(upstreams_file=str(path)).upstreams
    assert found.route("local/x").name == "local"
    [router] = found.instead_of(found.by_name["local"], "qwen3-32b")
    assert router.name_of("qwen3-32b") == "qwen/qwen3-32b"


def test_doctor_looks_at_each_upstream(write: Write) -> None:
    settings = write(named("a") + named("b"))
    found = [doctor.check_upstream(settings, each) for each in settings.upstreams.by_name.values()]
    assert [finding.seen.partition(":")[0] for finding in found] == ["a", "b"]
    assert all("UPSTREAMS_FILE" in finding.do for finding in found)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        configuration.check(Settings(upstreams_file=str(tmp_path / "none.toml")))


def test_the_configuration_is_shown_without_keys(write: Write, upstreams: Upstreams) -> None:
    shown = configuration.table(write(FILE))
    assert "router.example" in shown
    assert "***" in shown
    assert SECRET not in shown
    assert SECRET not in repr(upstreams)
