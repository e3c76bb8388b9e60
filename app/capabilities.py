"""What an upstream gives for a model: as clients and operators read it, and as strategies need it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from app.doctor import Finding, State
from app.render import usage
from tts_core.errors import InvalidRequest, Overloaded
from tts_core.model import Request
from tts_core.strategies import strategies
from workers.capabilities import Capabilities
from workers.client import Client
from workers.probing import Prober
from workers.settings import Settings

HARD = frozenset({"prefill"})
LOGPROBS = "logprobs"
OTHER_MODEL = "Name one that the upstream serves in DEFAULT_MODEL, and see its own log."
ADVICE: Mapping[str, str] = {
    "streaming": "Traces cannot be stopped half-way: online modes save nothing here.",
    "usage_in_stream": "Tokens are counted as they arrive.",
    "logprobs": "Votes are not weighted: prefer strategies that need no logprobs.",
    "prefill": "Strategies that need it are refused. vLLM, SGLang and llama.cpp have it.",
    "seed": "The same request may give other traces.",
}
LABELS = {"usage_in_stream": "usage"}


def prober_of(client: Client) -> Prober:
    """Who knows what models give."""
    return Prober(client.settings, client.store)


def check_needs(request: Request, client: Client, *, may_probe: bool = True) -> None:
    """Refuse a strategy that the request's model cannot serve, before a token of the question is paid.

    What is hard to do without is found out when nobody knows it (`may_probe`); of logprobs only what is
    known counts. What cannot be told is no reason to refuse: the upstream then decides. Raises
    InvalidRequest.
    """
    prober, model = prober_of(client), request.sampling.model
    if request.require_logprobs:
        refuse(prober.known(model), request, LOGPROBS)
    for need in HARD.intersection(strategies()[request.strategy].needs):
        refuse(prober.capabilities(model) if may_probe else prober.known(model), request, need)


def refuse(found: Capabilities | None, request: Request, need: str) -> None:
    """Raises InvalidRequest when the model is known to lack what the request needs."""
    if found is None or getattr(found, need) is not False:
        return
    why = f"{need}, which the model {found.model[:200]!r} does not give: {found.reasons[need]}"
    if need == LOGPROBS:
        raise InvalidRequest(
            f"tts_require_logprobs asks {request.strategy!r} for {why}",
            param="tts_require_logprobs",
            code="logprobs_unavailable",
        )
    raise InvalidRequest(
        f"The strategy {request.strategy!r} needs {why}", param="tts_strategy", code="capability_missing"
    )


def known_of(request: Request, needs: list[str], client: Client) -> dict[str, bool | None]:
    """Of each need whether the model meets it, as far as it is known; nothing is asked of the upstream."""
    try:
        found = prober_of(client).known(request.sampling.model) if needs else None
    except Overloaded:
        found = None
    return {need: getattr(found, need, None) for need in needs}


def capabilities_of(model: str, client: Client) -> dict[str, Any] | None:
    """What a model gives, for its page; it is probed unless it is known. None when it may not be."""
    found = prober_of(client).capabilities(model)
    return told(found) if found else None


def told(found: Capabilities) -> dict[str, Any]:
    """The findings as JSON; what the probe took is told as well."""
    kept = asdict(found)
    hidden = ("model", "upstream", "settled", "probed_s")
    shown = {name: value for name, value in kept.items() if name not in hidden}
    return {**shown, "usage": usage(found.usage), "probed_at": int(found.probed_s)}


def diagnosed(settings: Settings) -> Iterator[Finding]:
    """The default model's capabilities for `chorus doctor`, a row for each."""
    model = settings.default_model
    if not settings.probe_models:
        yield Finding("model", "ok", f"{model}: not probed (PROBE_MODELS=false)")
        return
    prober = prober_of(Client(settings))
    try:
        found = prober.known(model)
    except Overloaded:
        found = None
    yield from rows(found or probed(model, prober))


def probed(model: str, prober: Prober) -> Capabilities:
    """A model probed anew; kept for the service when its store is there."""
    found = prober.probe(model)
    try:
        prober.keep(found)
    except Overloaded:
        return found
    return found


def rows(found: Capabilities) -> Iterator[Finding]:
    """A finding for each capability; nobody needs `n`, so that its lack is no fault."""
    seen = f"{found.model}: probed by {found.calls} calls, {found.usage.total_tokens} tokens"
    reached = found.streaming is not None
    yield Finding("model", "ok" if reached else "warn", seen, "" if reached else OTHER_MODEL)
    for name, advice in ADVICE.items():
        value = getattr(found, name)
        state: State = "ok" if value else "warn"
        yield Finding(LABELS.get(name, name), state, words(found, name), "" if value else advice)
    yield Finding("n", "ok", words(found, "n"))


def words(found: Capabilities, name: str) -> str:
    """One capability in words."""
    value = getattr(found, name)
    if value:
        return f"yes, {found.top_logprobs} for a token" if name == LOGPROBS else "yes"
    return f"{'no' if value is False else 'not known'}: {found.reasons.get(name, '')}"


def as_json(found: Capabilities) -> str:
    """For programs."""
    return json.dumps({"model": found.model, **told(found)}, indent=1)
