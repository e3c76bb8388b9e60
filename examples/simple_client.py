"""Ask one question with the OpenAI SDK and see how its answer came about.

python examples/simple_client.py "Solve step by step: 2+2=?" --strategy deepconf --budget 8
"""

import argparse
import os
import sys

from openai import APIError, OpenAI
from openai.types.chat import ChatCompletion


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Ask one question and see how its answer came about.")
    parser.add_argument("question", nargs="?", default="Solve step by step: 2+2=?")
    parser.add_argument("--base-url", default=os.environ.get("CHORUS_BASE_URL", "http://localhost:8001/v1"))
    parser.add_argument("--model", default="openai/gpt-4o-mini")
    parser.add_argument("--strategy", default="deepconf", help="see GET /v1/strategies")
    parser.add_argument("--budget", type=int, default=8, help="how many traces to sample")
    return parser.parse_args()


def ask(options: argparse.Namespace) -> ChatCompletion:
    """The answer: a chat completion like any other."""
    client = OpenAI(base_url=options.base_url, api_key=os.environ.get("CHORUS_API_KEY", "dummy"))
    return client.chat.completions.create(
        model=options.model,
        messages=[{"role": "user", "content": options.question}],
        extra_body={"tts_strategy": options.strategy, "tts_budget": options.budget},
    )


def show(response: ChatCompletion) -> None:
    """The winning trace, the votes behind it, the bill."""
    choice = response.choices[0]
    metadata = choice.tts_metadata
    print(choice.message.content)
    print(f"\n{metadata['strategy']}: {metadata['num_traces']} traces, {metadata['traces_used']} voted")
    for answer, found in metadata["answer_distribution"].items():
        bar = "█" * round(30 * found["share"])
        print(f"  {answer[:24]:>24}  {bar:<30}  {found['votes']} votes")
    if metadata["agreement"] is not None:
        print(f"Agreement:  {metadata['agreement']:.0%}")
    if metadata["confidence"] is not None:
        print(f"Confidence: {metadata['confidence']:.1f} nats")
    print(f"Tokens:     {response.usage.total_tokens} in {metadata['elapsed_s']:.1f} s")
    for warning in metadata["warnings"]:
        print(f"Warning:    {warning}")


def reason(error: APIError) -> str:
    """What the service said of an error."""
    return str(error.body["message"]) if isinstance(error.body, dict) else error.message


if __name__ == "__main__":
    try:
        show(ask(read_options()))
    except APIError as error:
        sys.exit(f"error: {reason(error)}")
