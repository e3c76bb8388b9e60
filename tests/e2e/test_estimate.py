"""What is told beforehand is what the upstream sees."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from asking import QUESTION, post
from scripted_upstream import Call, Reply, ScriptedUpstream, text
from service import Service, free_port

from app.factory import create_app
from tts_core.strategies import strategies
from workers.settings import Settings

ESTIMATE = "/v1/estimate"
WORDS = "word " * 40
BODIES: list[dict[str, Any]] = [
    *({"tts_strategy": name} for name in strategies() if not name.endswith("_for_tests")),
    {"tts_strategy": "deepconf", "tts_mode": "online"},
    {"tts_strategy": "deepconf", "tts_mode": "online", "tts_warmup_mode": "async"},
]
SCRIPTS: dict[str, Callable[[Call], Reply]] = {
    "agreeing": lambda _: text(f"{WORDS}\\boxed{{42}}"),
    "disagreeing": lambda call: text(f"{WORDS}\\boxed{{{call.index}}}"),
    "mixed": lambda call: text(f"{WORDS}\\boxed{{{call.index % 3}}}", confidence=10.0 + call.index % 4),
}


def estimate(service: Service, **changes: Any) -> Any:
    """The estimate of a plain question."""
    return post(service.url, ESTIMATE, **changes).json()


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("body", BODIES, ids=lambda body: "-".join(body.values()))
def test_a_run_makes_as_many_calls_as_were_told(
    service: Service, upstream: ScriptedUpstream, body: dict[str, Any], script: str
) -> None:
    told = estimate(service, **body)
    upstream.reply = SCRIPTS[script]
    answer = post(service.url, **body)
    assert answer.status_code == 200
    assert told["calls"]["at_least"] <= len(upstream.calls) <= told["calls"]["at_most"]
    assert answer.json()["usage"]["completion_tokens"] <= told["completion_tokens"]["at_most"]


def test_nothing_is_asked_of_the_upstream(service: Service, upstream: ScriptedUpstream) -> None:
    estimate(service)
    assert upstream.calls == []


def test_it_tells_the_defaults_in_force(service: Service) -> None:
    told = estimate(service, tts_mode="online", tts_budget=6)
    assert (told["object"], told["model"], told["strategy"], told["mode"]) == (
        "estimate",
        "m",
        "deepconf",
        "online",
    )
    options = told["options"]
    assert (options["tts_warmup"], options["tts_window_size"], options["tts_eta"]) == (3, "auto", 90)


def test_it_tells_what_may_end_it_early(service: Service) -> None:
    told = estimate(service, tts_mode="online", tts_deadline_s=9, tts_max_total_tokens=1000)
    assert [(end["by"], end["round"], end["at"]) for end in told["ends_early"]] == [
        ("consensus", 1, 0.95),
        ("threshold", 1, None),
        ("strategy", None, None),
        ("deadline", None, 9),
        ("token_cap", None, 1000),
    ]


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("/v1/self_consistency/estimate", {}),
        (ESTIMATE, {"model": "m@self_consistency"}),
        (ESTIMATE, {"tts_strategy": "self_consistency"}),
    ],
)
def test_the_strategy_is_chosen_as_for_a_completion(
    service: Service, path: str, changes: dict[str, Any]
) -> None:
    assert post(service.url, path, **changes).json()["strategy"] == "self_consistency"


@pytest.mark.parametrize(
    "changes", [{"tts_budgett": 3}, {"temperature": 9}, {"tts_strategy": "nobody"}, {"tts_budget": 10**6}]
)
def test_it_refuses_what_a_completion_refuses(service: Service, changes: dict[str, Any]) -> None:
    told, answered = (post(service.url, path, **changes) for path in (ESTIMATE, "/v1/chat/completions"))
    assert (told.status_code, told.json()) == (answered.status_code, answered.json())


def test_an_unknown_strategy_in_the_url_is_not_found(service: Service) -> None:
    assert post(service.url, "/v1/nobody/estimate").status_code == 404


def test_what_is_not_known_is_null_with_a_reason(service: Service) -> None:
    told = estimate(service, max_completion_tokens=10)
    assert told["completion_tokens"]["at_most"] == 80
    assert {name for name in told["unknown"] if told[name] is None} == {"prompt_tokens", "price"}


def test_unused_options_and_missing_logprobs_are_warned_of(service: Service) -> None:
    told = estimate(service, tts_first=2, tts_top_logprobs=0)
    assert told["needs"] == ["logprobs"]
    assert len(told["warnings"]) == 2


def test_it_works_with_redis_away() -> None:
    settings = Settings(
        redis_url=f"redis://127.0.0.1:{free_port()}/0",
        upstream_base_url=f"http://127.0.0.1:{free_port()}/v1",
    )
    client = create_app(settings).test_client()
    told = client.post(ESTIMATE, json={"model": "m", "messages": QUESTION})
    assert told.status_code == httpx.codes.OK
    assert told.json["calls"] == {"at_least": 8, "at_most": 8}
