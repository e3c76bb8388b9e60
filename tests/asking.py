"""Short ways to ask, for tests."""

from collections.abc import Callable
from typing import Any

import httpx
from openai import OpenAI
from scripted_upstream import Call, Reply

QUESTION = [{"role": "user", "content": "What is 6*7?"}]


def ask(client: OpenAI, **changes: Any) -> Any:
    """One plain question through the SDK."""
    return client.chat.completions.create(**({"model": "m", "messages": QUESTION} | changes))


def choose(client: OpenAI, **changes: Any) -> Any:
    """Its first choice."""
    return ask(client, **changes).choices[0]


def post(url: str, path: str = "/v1/chat/completions", **changes: Any) -> httpx.Response:
    """The same as plain HTTP; `changes` go into the body."""
    return httpx.post(f"{url}{path}", json={"model": "m", "messages": QUESTION, **changes}, timeout=60)


def in_turn(*replies: Reply) -> Callable[[Call], Reply]:
    """A script: call i gets reply i, and again from the start."""
    return lambda call: replies[call.index % len(replies)]
