"""Ask many questions at once with AsyncOpenAI.

python examples/batch_requests.py questions.txt --concurrency 8
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from openai import APIError, AsyncOpenAI
from openai.types.chat import ChatCompletion

QUESTIONS = (
    "What is 6*7? Put the answer in \\boxed{}.",
    "How many days have two weeks? Put the answer in \\boxed{}.",
    "What is the capital of France? Put the answer in \\boxed{}.",
    "A train goes 120 km in 1.5 hours. How fast is it in km/h? Put the answer in \\boxed{}.",
    "Which is larger, 9.11 or 9.9? Put the answer in \\boxed{}.",
)
Outcome = ChatCompletion | APIError


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Ask many questions at once.")
    parser.add_argument("file", nargs="?", type=Path, help="one question a line; default: five of our own")
    parser.add_argument("--base-url", default=os.environ.get("CHORUS_BASE_URL", "http://localhost:8001/v1"))
    parser.add_argument("--model", default="openai/gpt-4o-mini")
    parser.add_argument("--strategy", default="deepconf", help="see GET /v1/strategies")
    parser.add_argument("--budget", type=int, default=8, help="traces for each question")
    parser.add_argument("--concurrency", type=int, default=4, help="questions in flight")
    return parser.parse_args()


def read_questions(file: Path | None) -> Sequence[str]:
    """The lines of a file that say something."""
    return [line for line in file.read_text().splitlines() if line.strip()] if file else QUESTIONS


async def ask_all(options: argparse.Namespace, questions: Sequence[str]) -> list[Outcome]:
    """An answer or an error for each question, in order."""
    slots = asyncio.Semaphore(options.concurrency)
    api_key = os.environ.get("CHORUS_API_KEY", "dummy")
    async with AsyncOpenAI(base_url=options.base_url, api_key=api_key) as client:

        async def ask(question: str) -> Outcome:
            async with slots:
                try:
                    return await client.chat.completions.create(
                        model=options.model,
                        messages=[{"role": "user", "content": question}],
                        extra_body={"tts_strategy": options.strategy, "tts_budget": options.budget},
                    )
                except APIError as error:
                    return error

        asked = [asyncio.create_task(ask(question)) for question in questions]
        for done, finished in enumerate(asyncio.as_completed(asked), start=1):
            await finished
            show_progress(done, len(asked))
        return [task.result() for task in asked]


def show_progress(done: int, total: int) -> None:
    """One line that is written over and over."""
    bar = "█" * round(30 * done / total)
    print(f"\r{bar:░<30} {done}/{total}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def reason(error: APIError) -> str:
    """What the service said of an error."""
    return str(error.body["message"]) if isinstance(error.body, dict) else error.message


def show(question: str, outcome: Outcome) -> None:
    """A question and what came of it."""
    print(f"\n{question}")
    if isinstance(outcome, APIError):
        print(f"  ✗ {reason(outcome)}")
        return
    metadata = outcome.choices[0].tts_metadata
    print(f"  → {metadata['answer'] or outcome.choices[0].message.content}")
    print(f"    {metadata['traces_used']} traces voted, {outcome.usage.total_tokens} tokens")
    for answer, found in metadata["answer_distribution"].items():
        print(f"    {found['share']:4.0%} {answer}")


def main() -> None:
    """Ask, wait, show; fail when a question did."""
    options = read_options()
    questions = read_questions(options.file)
    outcomes = asyncio.run(ask_all(options, questions))
    for question, outcome in zip(questions, outcomes, strict=True):
        show(question, outcome)
    failed = sum(isinstance(outcome, APIError) for outcome in outcomes)
    if failed:
        sys.exit(f"\n{failed} of {len(outcomes)} questions failed")


if __name__ == "__main__":
    main()
