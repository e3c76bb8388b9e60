"""The upstream's key stays in the environment: not in Redis or its file, a log or an answer."""

from asking import post
from scripted_upstream import ScriptedUpstream, error
from service import Service

SECRET = b"sk-upstream-secret"
PROMPT = "what the client would rather keep to itself"


def test_the_upstreams_key_reaches_the_upstream_alone(service: Service, upstream: ScriptedUpstream) -> None:
    said = error(401, message=f"Incorrect API key provided: {SECRET.decode()}")
    upstream.reply = lambda call: said
    answer = post(service.url, tts_budget=2)
    assert upstream.calls[0].headers["authorization"] == f"Bearer {SECRET.decode()}"
    assert SECRET not in answer.content
    written = [service.log, *(path for path in service.data_dir.rglob("*") if path.is_file())]
    assert len(written) > 1
    assert not [path for path in written if SECRET in path.read_bytes()]


def test_prompts_are_not_logged(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply = lambda call: error(500)
    post(service.url, tts_strategy="single", messages=[{"role": "user", "content": PROMPT}])
    assert PROMPT not in service.log.read_text()


def test_a_clients_key_goes_nowhere(service: Service, upstream: ScriptedUpstream) -> None:
    import httpx

    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tts_strategy": "single"}
    headers = {"Authorization": "Bearer sk-of-the-client"}
    httpx.post(f"{service.url}/v1/chat/completions", json=body, headers=headers, timeout=30)
    written = [service.log, *(path for path in service.data_dir.rglob("*") if path.is_file())]
    assert not [path for path in written if b"sk-of-the-client" in path.read_bytes()]
    assert upstream.calls[0].headers["authorization"] == f"Bearer {SECRET.decode()}"
