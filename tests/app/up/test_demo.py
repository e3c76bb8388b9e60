"""The demo model: found without a key, served by llama.cpp, with the logprobs that confidence needs."""

import signal
from collections.abc import Callable, Iterator

import httpx
import pytest
from openai import OpenAI
from service import free_port

from app.up.demo import ALIAS, weights
from workers.settings import Settings, SettingsError

pytestmark = pytest.mark.timeout(60)


def test_another_model_can_be_named(tmp_path):
    file = tmp_path / "other.gguf"
    file.write_bytes(b"")
    assert weights(Settings(demo_model=str(file))) == file


def test_a_model_that_is_not_there_is_named():
    with pytest.raises(SettingsError, match="CHORUS_DEMO_MODEL=/nowhere"):
        weights(Settings(demo_model="/nowhere"))


def test_it_is_not_started_when_another_upstream_is_configured(chorus):
    demo = chorus("demo", "--if-needed", OPENAI_API_KEY="k")
    assert demo.end() == 0
    assert demo.text == "no demo model needed: the upstream is openai\n"


@pytest.fixture
def demo(chorus: Callable) -> Iterator[tuple]:
    """`chorus demo`, answering, and a client of it."""
    port = free_port()
    talker = chorus("demo", DEMO_PORT=str(port))
    url = f"http://127.0.0.1:{port}"
    while not answers(f"{url}/health"):
        assert talker.process.poll() is None, talker.end()
    with OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield talker, client


def answers(url: str) -> bool:
    """Whether it is ready."""
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.real_model
def test_every_streamed_token_comes_with_its_alternatives(demo):
    _, client = demo
    question = {"role": "user", "content": "What is the capital of France? Answer with the name only."}
    chunks = list(
        client.chat.completions.create(
            model=ALIAS, messages=[question], stream=True, logprobs=True, top_logprobs=20, max_tokens=8
        )
    )
    tokens = [
        token
        for c in chunks
        if c.choices and c.choices[0].logprobs
        for token in c.choices[0].logprobs.content
    ]
    assert tokens
    assert {len(token.top_logprobs) for token in tokens} == {20}


@pytest.mark.real_model
def test_it_lists_its_model_and_stops_when_asked(demo):
    talker, client = demo
    assert [model.id for model in client.models.list()] == [ALIAS]
    talker.signal(signal.SIGTERM)
    assert talker.end() == 0
