"""What clients' tests share: a bare HTTP client, upstreams that list what a test needs, a question."""

from collections.abc import Callable, Iterator

import httpx
import pytest
import redis
from scripted_upstream import Reply, ScriptedUpstream, text
from service import Service

ListModels = Callable[..., None]
KEPT_MODELS = "chorus:models:custom"


@pytest.fixture
def http(service: Service) -> Iterator[httpx.Client]:
    """Bodies and headers as they travel, without an SDK's reading of them."""
    with httpx.Client(base_url=service.base_url, timeout=30) as found:
        yield found


@pytest.fixture
def list_models(service: Service, upstream: ScriptedUpstream) -> Iterator[ListModels]:
    """Have the upstream list other models than `m`, at once and until the test ends."""
    kept = upstream.models

    def listing(*names: str) -> None:
        upstream.models = names
        with redis.Redis.from_url(service.store_url) as store:
            store.delete(KEPT_MODELS)

    yield listing
    listing(*kept)


@pytest.fixture
def divided(upstream: ScriptedUpstream) -> ScriptedUpstream:
    """Eight traces: most say 7, the most confident ones say 42, one says 8."""
    replies: list[Reply] = [
        *[text(f"I count {n} times: \\boxed{{7}}.", confidence=8.0) for n in range(4)],
        *[text(f"Sure, {n}: \\boxed{{42}}.", confidence=16.0) for n in range(3)],
        text("Perhaps \\boxed{8}.", confidence=4.0),
    ]
    upstream.reply = lambda call: replies[call.index % len(replies)]
    return upstream
