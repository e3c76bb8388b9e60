"""The box that ends a start: where everything is, and one line to try."""

from app.up import demo
from app.up.commands import local_url
from workers.settings import Settings

TOY = (
    "THE MODEL IS A TOY: no upstream is configured, so a built-in model with 135M parameters",
    "answers. Ask it facts such as capitals; it cannot reason. For a real model set one of",
    "UPSTREAM_BASE_URL, OPENROUTER_API_KEY, OPENAI_API_KEY (see `chorus config`) and start again.",
)
QUESTION = "What is the capital of France? Answer with the name only."


def banner(settings: Settings, missing: str) -> list[str]:
    """The lines of the box, then the line to try; `missing` says what is not ready yet."""
    body = [*_places(settings), *_warnings(settings, missing)]
    width = max(map(len, body))
    return [
        f"+{'-' * (width + 2)}+",
        *(f"| {line:<{width}} |" for line in body),
        f"+{'-' * (width + 2)}+",
        "Try it:",
        try_it(settings),
    ]


def _places(settings: Settings) -> list[str]:
    base = local_url(settings.host, settings.port)
    places = [
        f"{'API':<9} {base}/v1",
        f"{'Docs':<9} {base}/docs",
        f"{'Upstream':<9} {settings.upstream.name}: {settings.upstream.base_url}",
    ]
    if settings.flower:
        places.insert(2, f"{'Flower':<9} {local_url('', settings.flower_port)}")
    return places


def _warnings(settings: Settings, missing: str) -> list[str]:
    warnings: list[str] = []
    if settings.upstream.name == "demo" and not settings.demo_model:
        warnings += ["", *TOY]
    if missing:
        warnings += [
            "",
            "NOT READY YET (`chorus doctor` says what to do):",
            *missing.splitlines()[:8],
        ]
    return warnings


def try_it(settings: Settings) -> str:
    """One cURL line that works as it stands."""
    is_demo = settings.upstream.name == "demo"
    model = demo.alias(settings) if is_demo else settings.default_model
    key = " -H 'Authorization: Bearer YOUR_KEY'" if settings.client_keys else ""
    return (
        f"curl {local_url(settings.host, settings.port)}/v1/chat/completions"
        f" -H 'Content-Type: application/json'{key}"
        f' -d \'{{"model": "{model}", "messages": [{{"role": "user", "content": "{QUESTION}"}}],'
        ' "tts_strategy": "self_consistency", "tts_budget": 8, "max_tokens": 32}\''
    )
