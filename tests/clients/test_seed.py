"""The first two things a reader of the README tries, to the letter; only the host is another."""

import io
import json
import shutil
import subprocess
from contextlib import redirect_stdout

import httpx
import pytest
from clients.conftest import ListModels
from clients.official import COMPLETION, check
from scripted_upstream import ScriptedUpstream
from service import Service

SDK = """
from openai import OpenAI

# Point to your local TTS service
client = OpenAI(
    base_url="http://localhost:8001/v1",
    api_key="dummy"  # Not required yet
)

# Use exactly like OpenAI's API
response = client.chat.completions.create(
    model="openai/gpt-4o-mini",
    messages=[
        {"role": "user", "content": "Solve step by step: 2+2=?"}
    ],
    # TTS-specific parameters (optional)
    extra_body={
        "tts_strategy": "deepconf",
        "tts_mode": "offline",
        "tts_budget": 8,
        "tts_filter_method": "top5"
    }
)

print(response.choices[0].message.content)

# Access TTS metadata
tts_metadata = response.choices[0].tts_metadata
print(f"Confidence: {tts_metadata['confidence']}")
print(f"Agreement: {tts_metadata['agreement']}")
"""

CURL = r"""
curl -X POST http://localhost:8001/v1/chat/completions \
  -H "Content-Type: application/json" \
  -d '{
    "model": "openai/gpt-4o-mini",
    "messages": [
      {"role": "user", "content": "Solve: 2+2=?"}
    ],
    "tts_strategy": "deepconf",
    "tts_budget": 8
  }'
"""


@pytest.fixture(autouse=True)
def listed(list_models: ListModels) -> None:
    list_models("m", "openai/gpt-4o-mini")


def here(text: str, service: Service) -> str:
    assert "http://localhost:8001" in text
    return text.replace("http://localhost:8001", service.url)


def test_the_sdk_s_snippet_prints_answer_confidence_and_agreement(
    service: Service, upstream: ScriptedUpstream
) -> None:
    names: dict[str, object] = {}
    with redirect_stdout(io.StringIO()) as printed:
        exec(here(SDK, service), names)  # the snippet as it is printed
    names["client"].close()
    assert printed.getvalue().splitlines() == [
        "The answer is \\boxed{42}.",
        "Confidence: 15.0",
        "Agreement: 1.0",
    ]
    assert len(upstream.calls) == 8


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_command_prints_a_completion(service: Service, upstream: ScriptedUpstream) -> None:
    command = ["bash", "-c", here(CURL, service)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=60)
    body = json.loads(done.stdout)
    check(COMPLETION, body)
    assert body["model"] == "openai/gpt-4o-mini"
    metadata = body["choices"][0]["tts_metadata"]
    assert (metadata["strategy"], metadata["num_traces"]) == ("deepconf", 8)
    assert (metadata["confidence"], metadata["agreement"]) == (15.0, 1.0)


def test_health_answers_as_promised(service: Service) -> None:
    assert httpx.get(f"{service.url}/health").json() == {"status": "healthy", "version": "1.0.0"}
