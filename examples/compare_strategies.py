"""Ask the same question through every strategy of the service and compare.

python examples/compare_strategies.py "What is 17*23? Put the answer in \\boxed{}."
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from openai import APIError, APIStatusError, OpenAI

COLUMNS = ("strategy", "answer", "agreement", "confidence", "tokens", "seconds")
WIDTHS = (28, 24, 9, 10, 8, 8)


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Ask one question through every strategy.")
    parser.add_argument("question", nargs="?", default="What is 17*23? Put the answer in \\boxed{}.")
    parser.add_argument("--base-url", default=os.environ.get("CHORUS_BASE_URL", "http://localhost:8001/v1"))
    parser.add_argument("--model", default="openai/gpt-4o-mini")
    parser.add_argument("--budget", type=int, default=8, help="traces for strategies that sample many")
    return parser.parse_args()


def list_strategies(client: OpenAI) -> list[dict[str, Any]]:
    """Every strategy with its parameters; a route of ours, which the SDK can call all the same."""
    listed: Any = client.get("/strategies", cast_to=object)
    return list(listed["data"])


def ask(client: OpenAI, options: argparse.Namespace, strategy: dict[str, Any]) -> Sequence[str]:
    """One row of the table."""
    budget = {"tts_budget": options.budget} if "tts_budget" in strategy["parameters"]["properties"] else {}
    started = time.monotonic()
    try:
        response = client.chat.completions.create(
            model=options.model,
            messages=[{"role": "user", "content": options.question}],
            extra_body={"tts_strategy": strategy["id"], **budget},
        )
    except APIStatusError as error:
        return strategy["id"], f"✗ {reason(error)}"
    seconds = time.monotonic() - started
    metadata = response.choices[0].tts_metadata
    return (
        strategy["id"],
        (metadata["answer"] or "(none)")[: WIDTHS[1]],
        number(metadata["agreement"], ".0%"),
        number(metadata["confidence"], ".1f"),
        str(response.usage.total_tokens),
        f"{seconds:.1f}",
    )


def reason(error: APIError) -> str:
    """What the service said of an error."""
    return str(error.body["message"]) if isinstance(error.body, dict) else error.message


def number(value: float | None, form: str) -> str:
    """A number, when there is one: traces without an answer do not agree on anything."""
    return "-" if value is None else format(value, form)


def show(cells: Sequence[str]) -> None:
    """One line: words to the left, numbers to the right."""
    words = [f"{cell:<{width}}" for cell, width in zip(cells[:2], WIDTHS, strict=False)]
    numbers = [f"{cell:>{width}}" for cell, width in zip(cells[2:], WIDTHS[2:], strict=False)]
    print("  ".join([*words, *numbers]).rstrip(), flush=True)


def main() -> None:
    """A table that grows as the answers come in."""
    options = read_options()
    client = OpenAI(base_url=options.base_url, api_key=os.environ.get("CHORUS_API_KEY", "dummy"))
    strategies = list_strategies(client)
    print(f"{options.question}\n")
    show(COLUMNS)
    show(["─" * width for width in WIDTHS])
    for strategy in strategies:
        show(ask(client, options, strategy))


if __name__ == "__main__":
    try:
        main()
    except APIError as error:
        sys.exit(f"error: {reason(error)}")
