"""Ask one question, and compare what every strategy of the service makes of the same traces.

python examples/compare_strategies.py "What is 17*23? Put the answer in \\boxed{}."
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from openai import APIError, OpenAI

COLUMNS = ("strategy", "answer", "agreement", "confidence", "tokens", "saved")
WIDTHS = (28, 24, 9, 10, 8, 8)


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Compare all strategies over one question's traces.")
    parser.add_argument("question", nargs="?", default="What is 17*23? Put the answer in \\boxed{}.")
    parser.add_argument("--base-url", default=os.environ.get("CHORUS_BASE_URL", "http://localhost:8001/v1"))
    parser.add_argument("--model", default="openai/gpt-4o-mini")
    parser.add_argument("--budget", type=int, default=8, help="traces that are sampled")
    return parser.parse_args()


def list_strategies(client: OpenAI) -> list[str]:
    """The names of all strategies; a route of ours, which the SDK can call all the same."""
    listed: Any = client.get("/strategies", cast_to=object)
    return [strategy["id"] for strategy in listed["data"]]


def compare(client: OpenAI, options: argparse.Namespace) -> dict[str, Any]:
    """All strategies over one pool of traces, which is paid for once."""
    compared: Any = client.post(
        "/compare",
        cast_to=object,
        body={
            "model": options.model,
            "messages": [{"role": "user", "content": options.question}],
            "tts_budget": options.budget,
            "strategies": list_strategies(client),
        },
    )
    return dict(compared)


def row(found: dict[str, Any]) -> Sequence[str]:
    """One row of the table."""
    if found["error"]:
        return found["strategy"], f"✗ {found['error']['message']}"
    return (
        found["strategy"],
        (found["answer"] or "(none)")[: WIDTHS[1]],
        number(found["agreement"], ".0%"),
        number(found["confidence"], ".1f"),
        str(found["tokens"]),
        str(found["saved_tokens"]),
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
    """A row for every strategy, and what the traces have cost."""
    options = read_options()
    client = OpenAI(base_url=options.base_url, api_key=os.environ.get("CHORUS_API_KEY", "dummy"))
    compared = compare(client, options)
    print(f"{options.question}\n")
    show(COLUMNS)
    show(["─" * width for width in WIDTHS])
    for found in compared["data"]:
        show(row(found))
    pool, usage = compared["pool"], compared["usage"]
    print(f"\n{pool['traces']} traces were sampled once, for {usage['total_tokens']} tokens in all.")


if __name__ == "__main__":
    try:
        main()
    except APIError as error:
        sys.exit(f"error: {reason(error)}")
