"""What every answer must be, whatever was asked; and how long to look for one that is not."""

import os
from typing import Any

import httpx
from hypothesis import HealthCheck, Verbosity, settings

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "0"))
EXAMPLES = ROUNDS or 4

shortly = settings(
    max_examples=EXAMPLES,
    derandomize=not ROUNDS,
    database=None,
    deadline=None,
    verbosity=Verbosity.normal,
    suppress_health_check=list(HealthCheck),
)


def check(status: int, content: bytes, kind: str, asked: object) -> None:
    """Raises AssertionError for a failure of the service, or an error that is not in OpenAI's shape."""
    assert status < 500, (status, content[:500], asked)
    if status >= 400:
        assert kind.startswith("application/json"), (status, content[:500], asked)
        error = httpx.Response(status, content=content).json()["error"]
        assert set(error) == {"message", "type", "param", "code"}, (error, asked)
        assert isinstance(error["message"], str), (error, asked)
        assert isinstance(error["type"], str), (error, asked)
        assert b"Traceback" not in content, (content[:500], asked)


def checked(answer: httpx.Response, asked: Any) -> httpx.Response:
    """The answer, if it is one that may be."""
    check(answer.status_code, answer.content, answer.headers.get("content-type", ""), asked)
    return answer
