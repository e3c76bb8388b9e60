"""One upstream call, put together: what is sent, and with which seed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tts_core.model import Sampling
from tts_core.tracing import DEFAULT_WINDOW_TOKENS, Chunk, TraceBuilder
from workers.records import NOTHING_YET, Carried
from workers.turns import Turns
from workers.upstreams import Upstream

SEED_SPACE = 2**31 - 1
LEAST_TOP_LOGPROBS = 2  # of one alternative no confidence can be computed
GO_ON = {"continue_final_message": True, "add_generation_prompt": False}


class Observer(Protocol):
    """Somebody who is shown a trace as it is read."""

    def see(self, builder: TraceBuilder, chunk: Chunk) -> None:
        """The chunk is in the trace already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A sampling with all that it needs outside the domain. `others` are asked when the upstream cannot
    serve it, in this order; calls of a `batch` wait behind all others for their turn. `deadline_s` is on
    the epoch; `carried` is what the trace has cost elsewhere, `lost` that a worker went away with it."""

    sampling: Sampling
    index: int
    number: int
    deadline_s: float
    upstream: Upstream
    timeout_s: float
    others: tuple[Upstream, ...] = ()
    turns: Turns | None = None
    batch: bool = False
    retries: int
    request_id: str = ""
    carried: Carried = NOTHING_YET
    lost: bool = False
    observers: tuple[Observer, ...] = ()

    def body(self) -> Mapping[str, Any]:
        """What the upstream is sent: the client's own fields, streamed, with log-probabilities."""
        sampling = self.sampling
        body: dict[str, Any] = {
            **sampling.parameters,
            "model": self.upstream.name_of(sampling.model),
            "messages": sampling.messages,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if sampling.prefill:
            begun = {"role": "assistant", "content": sampling.prefill}
            body |= {"messages": (*sampling.messages, begun), **GO_ON}
        if sampling.top_logprobs:
            body |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
        if xargs := xargs_of(sampling, self.upstream):
            body["vllm_xargs"] = {**sampling.parameters.get("vllm_xargs", {}), **xargs}
        if sampling.seed is not None:
            body["seed"] = seed_of(sampling.seed, self.number, self.index)
        return body


def xargs_of(sampling: Sampling, upstream: Upstream) -> dict[str, Any]:
    """What tells vLLM to stop the trace below its threshold by itself: in the words of DeepConf's patch,
    and, when the model's end token is known, of its logits processor too."""
    if not upstream.xargs or sampling.stop_below is None or sampling.top_logprobs < LEAST_TOP_LOGPROBS:
        return {}
    window = sampling.window_tokens or DEFAULT_WINDOW_TOKENS
    patch = {"enable_conf": True, "window_size": window, "threshold": sampling.stop_below}
    if upstream.eos_token_id is None:
        return patch
    return patch | {
        "conf_threshold": sampling.stop_below,
        "conf_group_size": window,
        "conf_topk": sampling.top_logprobs,
        "eos_token_id": upstream.eos_token_id,
    }


def seed_of(seed: int, number: int, index: int) -> int:
    """The seed of a trace: the request's own for the first, so that one trace is what it was."""
    mixed = seed + 1_000_003 * index + 7_919 * number
    return mixed if 0 <= mixed <= SEED_SPACE else mixed % SEED_SPACE
