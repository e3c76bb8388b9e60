"""An HTTP scorer: a service of the operator that is told a conversation and an answer, and tells a score.

POST {"model", "messages", "answer"}, answered by {"score": number}. It is called as an upstream is: the
same errors, retries, time-outs and stops; redirects are not followed.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from typing import Any

import httpx
import msgspec

from tts_core.errors import UpstreamRefused, UpstreamUnreachable
from tts_core.model import Sampling, Usage
from tts_core.tracing import Chunk
from workers.settings import Upstream
from workers.transport import Hooks
from workers.upstream import MAX_ERROR_BYTES, answered, bounded, patience


class Score(msgspec.Struct):
    """What a scorer answers; whatever else it says is left alone."""

    score: float


def body_of(sampling: Sampling) -> Mapping[str, Any]:
    """What a scorer is sent: the answer is the last of the messages."""
    *messages, answer = sampling.messages
    return {"model": sampling.model, "messages": messages, "answer": answer["content"]}


@contextmanager
def stream_score(
    scorer: Upstream, sampling: Sampling, *, timeout_s: float, request_id: str, hooks: Hooks
) -> Iterator[Iterator[Chunk]]:
    """Ask a scorer; its score is the one chunk, which cost no tokens. Raises UpstreamError."""
    if not scorer.base_url:
        raise UpstreamRefused(f"This service knows no {scorer.name}.", status=400, param="tts_scorer")
    headers = {"Content-Type": "application/json"}
    if request_id:
        headers["X-Request-Id"] = request_id
    request = httpx.Request(
        "POST",
        scorer.base_url,
        headers=headers,
        content=msgspec.json.encode(body_of(sampling)),
        extensions=patience(timeout_s),
    )
    with answered(scorer, request, hooks) as response:
        score = msgspec.json.decode(bounded(response, MAX_ERROR_BYTES), type=Score).score
        if not isfinite(score):
            raise UpstreamUnreachable(f"The upstream {scorer.name!r} sent no finite score.")
        yield iter([Chunk(text=repr(score), finish="stop", usage=Usage())])
