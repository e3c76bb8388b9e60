"""The options of `chorus eval` and `chorus replay`."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from workers.settings import read_settings

POSITIVE = click.IntRange(1)
SHAPES = ("auto", "gsm8k", "math", "aime", "choice", "plain")
Command = TypeVar("Command", bound=Callable[..., Any])


class Budgets(click.ParamType):
    """Numbers of traces, as in 1,2,4,8."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """The numbers."""
        if isinstance(value, list):
            return value
        try:
            found = [int(word) for word in str(value).split(",")]
        except ValueError:
            found = []
        if not found or min(found) < 1:
            self.fail(f"{value!r} is no list of numbers from 1, as in 1,2,4,8.", param, ctx)
        return found


def looking(command: Command) -> Command:
    """The options of how traces are looked at."""
    for option in reversed(
        (
            click.option(
                "--strategies",
                default="all",
                show_default=True,
                metavar="LIST",
                help="As in self_consistency,deepconf:mode=online,eta=10 (options behind a colon).",
            ),
            click.option("--budgets", type=Budgets(), help="By default 1,2,4,... up to the pool's size."),
            click.option(
                "--draws",
                type=POSITIVE,
                default=32,
                show_default=True,
                help="Sub-pools drawn for each problem and budget.",
            ),
            click.option("--seed", type=int, default=42, show_default=True, help="Of draws and samples."),
        )
    ):
        command = option(command)
    return command


def lines(*examples: str) -> str:
    """An epilog that click does not wrap."""
    return "\b\nExamples:\n" + "\n".join(f"  {example}" for example in examples)


@click.command(
    "eval",
    epilog=lines(
        "chorus eval gsm8k_test.jsonl --limit 50 --out runs/gsm8k --dry-run",
        "chorus eval gsm8k_test.jsonl --limit 50 --out runs/gsm8k",
        "chorus eval aime.jsonl --out runs/aime --budget 64 --max-tokens 32000 --at-once 8 \\",
        "    --url http://chorus.example:8001/v1 --model Qwen/Qwen3-8B",
    ),
)
@click.argument("data", type=click.Path(exists=True, dir_okay=False), metavar="DATA.jsonl")
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Where all is stored.")
@click.option("--budget", type=POSITIVE, help="Traces for a problem; the largest of --budgets, or 32.")
@looking
@click.option("--format", "shape", type=click.Choice(SHAPES), default="auto", help="Found by itself.")
@click.option("--limit", type=POSITIVE, help="Take so many problems, drawn by the seed.")
@click.option("--model", help="By default the service's.")
@click.option("--system", default="", help="A system prompt.")
@click.option("--prompt", default="{question}", show_default=True, help="The user's message.")
@click.option("--hint/--no-hint", default=True, show_default=True, help="Ask for the answer in \\boxed{}.")
@click.option("--answer-format", default="", help="How answers are read; follows from the data.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="By default the service's.")
@click.option("--max-tokens", type=POSITIVE, help="Of a trace; by default the service's.")
@click.option("-o", "--option", "options", multiple=True, metavar="NAME=VALUE", help="A field of the body.")
@click.option("--at-once", type=POSITIVE, default=4, show_default=True, help="Problems under way at once.")
@click.option("--live", is_flag=True, help="Run strategies that ask further questions, too. This costs.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked, and ask nothing.")
@click.option(
    "--url", "--base-url", "url", envvar="CHORUS_URL", default="", help="The service; by default here."
)
@click.option("--key", "--api-key", "key", envvar="CHORUS_API_KEY", default="", help="$CHORUS_API_KEY.")
def evaluate(url: str, key: str, options: tuple[str, ...], **given: Any) -> None:
    """Measure strategies and budgets on problems with known answers, from one pool of traces a problem.

    A Chorus must be running (`chorus up`, or --url). Every problem is sampled once, with the largest
    budget; what is stored in --out is never paid for twice, so that the same command goes on after Ctrl-C.
    DATA.jsonl is in the shape of GSM8K, MATH-500, AIME, a multiple-choice set, or has `question` and
    `answer`.
    """
    from app.ask.command import model_here, option_of  # noqa: PLC0415
    from app.eval import command  # noqa: PLC0415
    from app.remote import Service  # noqa: PLC0415
    from app.up.commands import local_url  # noqa: PLC0415

    settings = read_settings()
    asked = command.asked_of(given["model"] or model_here(settings), given, dict(map(option_of, options)))
    place = url or f"{local_url(settings.host, settings.port)}/v1"
    service = Service(place, key or next(iter(settings.client_keys), ""))
    sys.exit(command.run(service, asked, given))


@click.command(
    "replay",
    epilog=lines(
        "chorus replay runs/gsm8k",
        "chorus replay runs/gsm8k --strategies single,deepconf:filter_method=top50% --budgets 8,16",
        "chorus replay runs/gsm8k --export pool.jsonl.gz",
        "chorus replay pool.jsonl.gz --out looked-at-again",
    ),
)
@click.argument("place", type=click.Path(exists=True), metavar="DIR|FILE")
@click.option("--out", type=click.Path(file_okay=False), help="Where results go; by default to DIR.")
@looking
@click.option(
    "--export", type=click.Path(dir_okay=False), help="Write the pool as one file, too (.gz packs it)."
)
@click.option("--texts/--no-texts", default=True, help="--export: with what the traces say.")
def replay(**given: Any) -> None:
    """Evaluate stored traces again: no model, no service, no cost."""
    from app.eval import command  # noqa: PLC0415

    sys.exit(command.replay(given))
