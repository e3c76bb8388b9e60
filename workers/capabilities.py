"""What upstreams give for their models: found out once by a probe, kept for all processes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import msgspec

from tts_core.model import Usage
from workers import keys
from workers.json_fields import encode
from workers.records import NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What an upstream gives for a model; None where it cannot be told. `reasons` says why something is
    None or False, by its name.

    `logprobs`: such as a confidence can be computed of; `top_logprobs` how many for a token. `seed`: the
    same text twice; `prefill`: it goes on with the beginning of the assistant's message; `n`: several
    choices. `probed_s` is on the epoch, `calls` and `usage` are what the probe took. `settled`: nothing
    failed that may work in a minute.
    """

    model: str
    upstream: str
    probed_s: float
    streaming: bool | None = None
    usage_in_stream: bool | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    prefill: bool | None = None
    seed: bool | None = None
    n: bool | None = None
    reasons: Mapping[str, str] = field(default_factory=dict)
    calls: int = 0
    usage: Usage = NOTHING
    settled: bool = True


class Known:
    """What has been found out, for a while."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def get(self, base_url: str, model: str) -> Capabilities | None:
        """What is known of a model there."""
        raw = self.store.get(key(base_url, model))
        return msgspec.json.decode(raw, type=Capabilities) if raw else None

    def keep(self, base_url: str, found: Capabilities, ttl_s: int) -> None:
        """Know it for `ttl_s`."""
        self.store.set(key(base_url, found.model), encode(found), ex=ttl_s)

    def alone(self, longest_s: float) -> Any:
        """The lock of the one who probes; it is free again after `longest_s` at the latest."""
        return self.store.lock(keys.PROBING, timeout=longest_s)


def key(base_url: str, model: str) -> str:
    """Under which key a model's capabilities are kept: its name may be of any length."""
    return keys.capabilities(sha256(f"{base_url}\n{model}".encode()).hexdigest()[:32])
