"""Flower over real runs: it shows ids, and neither what was asked nor any key."""

import re
from typing import Any

import httpx
import pytest
from chaos.faults import until
from scripted_upstream import ScriptedUpstream, text
from service import Service
from sight.reading import FLOWER, KEY, TOKEN, ask

PROMPT = "what the client would rather keep to itself"
ANSWER = "what the model has answered to that"
RUN_ID = r"[0-9a-f]{32}"
IDS = re.compile(rf"\('{RUN_ID}'(,|(, \d+)+)\)|\(\[(\[\d+, '\w+', \d+\](, )?)+\], '{RUN_ID}', \d+\)")
PAGES = ("/", "/workers", "/tasks", "/broker", "/api/tasks", "/api/workers", "/api/queues/length")


@pytest.fixture
def flower(flower_port: int, service: Service) -> str:
    """Its address."""
    return f"http://127.0.0.1:{flower_port}"


def tasks(flower: str) -> dict[str, Any]:
    """All tasks that it has seen end."""
    found: dict[str, Any] = httpx.get(f"{flower}/api/tasks", auth=FLOWER).json()
    return {name: task for name, task in found.items() if task["state"] == "SUCCESS"}


def test_it_shows_tasks_by_their_ids_alone(
    flower: str, service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda call: text(f"{ANSWER}: \\boxed{{1}}")
    ask(service, messages=[{"role": "user", "content": PROMPT}])
    found = until(lambda: len(done := tasks(flower)) >= 5 and done)
    for task in found.values():
        assert IDS.fullmatch(task["args"]), task["args"]
        assert task["kwargs"] == "{}"
        assert re.fullmatch(r"None|\[\d+, '\w+', \d+\]", task["result"]), task["result"]


@pytest.mark.parametrize("page", PAGES)
def test_no_page_tells_a_prompt_or_a_key(
    page: str, flower: str, service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda call: text(f"{ANSWER}: \\boxed{{1}}")
    ask(service, messages=[{"role": "user", "content": PROMPT}])
    shown = httpx.get(f"{flower}{page}", auth=FLOWER, params={"refresh": "1"}, follow_redirects=True)
    assert shown.status_code == 200
    for secret in (PROMPT, ANSWER, KEY, TOKEN, "sk-upstream-secret", FLOWER[1]):
        assert secret not in shown.text


@pytest.mark.parametrize("page", PAGES)
def test_without_its_password_nothing_is_shown(page: str, flower: str) -> None:
    assert httpx.get(f"{flower}{page}").status_code == 401
    assert httpx.get(f"{flower}{page}", auth=(FLOWER[0], "wrong")).status_code == 401
