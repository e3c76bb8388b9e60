"""Ways to ask the watched service, and to read its numbers."""

from collections import Counter
from typing import Any

import httpx
from asking import QUESTION
from prometheus_client.parser import text_string_to_metric_families
from service import Service

KEY = "sk-of-a-client"
TOKEN = "scrape-me-please"
FLOWER = ("me", "flower-word")


class Numbers(Counter[tuple[str, tuple[tuple[str, str], ...]]]):
    """Samples by name and labels."""

    def total(self, name: str, **labels: str) -> float:  # type: ignore[override]
        """The sum of the samples of a name that have these labels."""
        wanted = labels.items()
        return sum(value for (found, has), value in self.items() if found == name and wanted <= set(has))


def numbers_in(text: str) -> Numbers:
    """The samples in Prometheus' text format. Raises ValueError for what is not."""
    found = Numbers()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = sample.name, tuple(sorted(sample.labels.items()))
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value  # type: ignore[assignment]
    return found


def ask(service: Service, **changes: Any) -> httpx.Response:
    """One plain question of a client, on a connection of its own."""
    body = {"model": "m", "messages": QUESTION, "tts_strategy": "self_consistency", "tts_budget": 3}
    headers = {"Authorization": f"Bearer {KEY}", **changes.pop("headers", {})}
    url = f"{service.url}/v1/chat/completions"
    return httpx.post(url, json=body | changes, headers=headers, timeout=60)
