"""The lines of a whole service: JSON, with the ids of what they are about, and nothing secret."""

import json
from typing import Any

import httpx
from chaos.faults import until
from scripted_upstream import ScriptedUpstream, error
from service import Service
from sight.reading import FLOWER, KEY, TOKEN, ask

PROMPT = "what the client would rather keep to itself"


def lines(service: Service, request: str = "") -> list[dict[str, Any]]:
    """All lines so far; those of one request."""
    found = [json.loads(line) for line in service.log.read_text().splitlines()]
    return [line for line in found if request in ("", line.get("request_id"))]


def test_every_line_of_every_process_is_a_json_object(service: Service) -> None:
    for line in lines(service):
        assert {"time", "level", "logger", "message"} <= set(line)


def test_the_lines_of_a_request_name_its_job_and_who_wrote_them(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda call: error(400, message="The scripted upstream refuses.")
    ask(service, tts_strategy="single", headers={"x-request-id": "my-own-id"})
    access, failure = until(
        lambda: (
            len(found := lines(service, "my-own-id")) == 2
            and sorted(found, key=lambda line: line["logger"])
        )
    )
    assert access["path"] == "/v1/chat/completions"
    assert access["status"] == 400
    assert access["worker"].startswith("web-")
    assert failure["worker"].startswith("sample@")
    assert access["job_id"] == failure["job_id"]


def test_a_path_does_not_forge_a_line_nor_tell_its_query(service: Service) -> None:
    before = len(lines(service))
    httpx.get(f"{service.url}/a%0A%7B%22level%22:%22ERROR%22%7D?api_key=sk-in-the-query")
    found = until(lambda: lines(service)[before:])
    assert [line["path"] for line in found if "path" in line] == ['/a\n{"level":"ERROR"}']
    assert "sk-in-the-query" not in service.log.read_text()


def test_no_prompt_and_no_secret_is_in_any_line(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: error(401, message="Incorrect API key: sk-upstream-secret")
    ask(service, tts_strategy="single", messages=[{"role": "user", "content": PROMPT}])
    written = service.log.read_text()
    for secret in (PROMPT, KEY, TOKEN, FLOWER[1], "sk-upstream-secret"):
        assert secret not in written
