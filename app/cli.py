"""The command `chorus`."""

import os
import sys
from collections.abc import Sequence
from functools import update_wrapper
from importlib.metadata import version
from typing import Any

import click

from app import configuration, key_types
from app.eval import options as evaluation
from workers.settings import Settings, SettingsError, read_settings

USAGE_ERROR = 2


class Chorus(click.Group):
    """A group whose wrong settings end in one line and exit code 2, not in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            click.secho(f"chorus: {error}", fg="red", err=True)
            ctx.exit(USAGE_ERROR)


def with_settings(command: Any) -> Any:
    """Hand the command, as its first argument, the settings of the environment and `.env`."""

    def run(*args: Any, **options: Any) -> Any:
        settings = read_settings()
        configuration.check(settings)
        return command(settings, *args, **options)

    return update_wrapper(run, command)


def example(*lines: str) -> str:
    """An epilog that click does not wrap."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def become(command: Sequence[str]) -> None:
    """Replace this process, so that whoever started `chorus` signals the program itself."""
    sys.stdout.flush()
    os.execvp(command[0], list(command))  # noqa: S606 - no shell is wanted


@click.group(
    cls=Chorus,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=example("chorus up", "chorus doctor", "chorus config"),
)
@click.version_option(version("chorus-tts"), prog_name="chorus")
def main() -> None:
    """Chorus: ask a model many times, let the traces vote.

    Settings come from the environment and from a file .env in this folder; see `chorus config`.
    """


@main.command(
    epilog=example(
        "chorus up",
        "OPENROUTER_API_KEY=... chorus up",
        "UPSTREAM_BASE_URL=http://localhost:8000/v1 PORT=9001 chorus up",
        "chorus up --dry-run",
    )
)
@click.option("--dry-run", is_flag=True, help="Print what would be started, start nothing.")
@with_settings
def up(settings: Settings, dry_run: bool) -> None:
    """Run everything here: Redis, workers, the API, Flower; Ctrl-C stops all of it."""
    from app.up import launch  # noqa: PLC0415

    if dry_run:
        click.echo(launch.plan(settings))
    else:
        sys.exit(launch.run(settings))


@main.command(epilog=example("chorus serve", "HOST=0.0.0.0 CHORUS_API_KEYS=k1,k2 chorus serve"))
@with_settings
def serve(settings: Settings) -> None:
    """Run the API (gunicorn). Redis and workers must run elsewhere."""
    from app.up import commands  # noqa: PLC0415

    commands.check_exposure(settings)
    commands.count_anew(settings)
    become(commands.web(settings))


@main.command(epilog=example("chorus worker", "chorus worker --control", "chorus worker --batch"))
@click.option("--control", "queue", flag_value="control", help="Run strategies and votes.")
@click.option("--sample", "queue", flag_value="sample", default="sample", help="Sample (default).")
@click.option("--batch", "queue", flag_value="batch", help="Sample for batches.")
@click.option("--name", default="", help="Name of the node; by default of its own.")
@with_settings
def worker(settings: Settings, queue: str, name: str) -> None:
    """Run one Celery worker: one --sample for each core, one --control and one --batch are enough."""
    from app.up import commands  # noqa: PLC0415

    become(commands.worker(settings, queue, name or f"{queue}-{os.getpid()}"))


@main.command(epilog=example("chorus redis", "CHORUS_DATA_DIR=/var/lib/chorus chorus redis"))
@with_settings
def redis(settings: Settings) -> None:
    """Run the embedded Redis on a unix socket in CHORUS_DATA_DIR."""
    from app.up import redis as embedded  # noqa: PLC0415

    embedded.claim(settings)
    become(embedded.command(settings))


@main.command(
    epilog=example("chorus demo", "CHORUS_DEMO_MODEL=/models/other.gguf DEMO_THREADS=4 chorus demo")
)
@click.option("--address", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--if-needed", is_flag=True, help="End at once when another upstream is configured.")
@with_settings
def demo(settings: Settings, address: str, if_needed: bool) -> None:
    """Run the demo model: a toy that needs no key (llama.cpp's server)."""
    from app.up import demo as model  # noqa: PLC0415

    if if_needed and settings.upstream.name != "demo":
        click.echo(f"no demo model needed: the upstream is {settings.upstream.name}")
        return
    model.serve(settings, address)


@main.command(epilog=example("chorus flower", "FLOWER_BASIC_AUTH=me:secret chorus flower"))
@click.option("--address", default="", help="Where to listen; loopback unless a password is set.")
@with_settings
def flower(settings: Settings, address: str) -> None:
    """Run the Flower dashboard over the workers."""
    from app.up import commands  # noqa: PLC0415

    command = commands.flower(settings, address)
    if not settings.flower_basic_auth:
        os.environ.pop("FLOWER_BASIC_AUTH", None)
    become(command)


@main.command(
    epilog=example(
        'chorus ask "What is 6*7?"',
        'chorus ask "What is 6*7?" --strategy deepconf --budget 16',
        "chorus ask --json -o temperature=0.9 < question.txt",
    )
)
@click.argument("question", default="")
@click.option("--strategy", help="See GET /v1/strategies; the service's default otherwise.")
@click.option("--budget", type=int, help="Traces in all.")
@click.option("--model", help="Model, also model@strategy; the service's default otherwise.")
@click.option("--system", default="", help="A system prompt.")
@click.option(
    "-o", "--option", "options", multiple=True, metavar="NAME=VALUE", help="Any field of the body."
)
@click.option("--url", envvar="CHORUS_URL", default="", help="The service; by default the one of here.")
@click.option("--key", envvar="CHORUS_API_KEY", default="", help="Your key ($CHORUS_API_KEY).")
@click.option("--json", "as_json", is_flag=True, help="Print the whole job as JSON.")
@click.option("--stream", "streamed", is_flag=True, help="Print the answer as it comes.")
@click.option("-q", "--quiet", is_flag=True, help="Nothing but the answer.")
@with_settings
def ask(settings: Settings, question: str, url: str, key: str, **given: Any) -> None:
    """Ask a running service; QUESTION may come from stdin. Ctrl-C cancels, and the finished traces vote."""
    from app.ask import command  # noqa: PLC0415

    sys.exit(command.run(settings, question, command.Place(url, key), given))


main.add_command(evaluation.evaluate)
main.add_command(evaluation.replay)


@main.group(
    epilog=example(
        "chorus keys create --name alice --models m1,m2 --rpm 60 --daily-usd 5 --expires 30d",
        "chorus keys list",
        "chorus keys revoke 0a1b2c3d4e5f",
    )
)
def keys() -> None:
    """Make, list and revoke the keys of clients. What is done holds from the next request on."""


@keys.command(epilog=example("chorus keys create --name alice --rpm 60 --expires 30d"))
@click.option("--name", required=True, help="Whose it is.")
@click.option("--models", type=key_types.Names(), help="Models that may be asked, also with wildcards.")
@click.option("--strategies", type=key_types.Strategies(), help="Strategies that may be used.")
@click.option("--max-budget", type=key_types.POSITIVE, help="Most traces of a request.")
@click.option("--rpm", "requests_per_minute", type=key_types.POSITIVE, help="Questions a minute.")
@click.option("--tpm", "tokens_per_minute", type=key_types.POSITIVE, help="Tokens a minute.")
@click.option("--daily-tokens", type=key_types.POSITIVE, help="Tokens a day (UTC).")
@click.option("--daily-usd", type=key_types.MONEY, help="US dollars a day (UTC), by the price table.")
@click.option("--expires", "expires_s", type=key_types.Moment(), help="30d, 12h, or a date (UTC).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_settings
def create(settings: Settings, name: str, expires_s: float | None, **limits: Any) -> None:
    """Make a key. It is printed this once; only a digest of it is kept."""
    from app import key_commands  # noqa: PLC0415

    click.echo(key_commands.create(settings, name, expires_s, limits))


@keys.command("list", epilog=example("chorus keys list", "chorus keys list --json"))
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@with_settings
def list_keys(settings: Settings, as_json: bool) -> None:
    """Show all keys: limits, last use, spent today; never the keys themselves."""
    from app import key_commands  # noqa: PLC0415

    click.echo(key_commands.listing(settings, as_json=as_json))


@keys.command(epilog=example("chorus keys revoke 0a1b2c3d4e5f"))
@click.argument("key_id", metavar="ID")
@click.option("--forget", is_flag=True, help="Remove its record too.")
@with_settings
def revoke(settings: Settings, key_id: str, forget: bool) -> None:
    """Have a key refused from now on. Its runs that are under way end by themselves."""
    from app import key_commands  # noqa: PLC0415

    click.echo(key_commands.revoke(settings, key_id, forget=forget))


@main.command(epilog=example("chorus config", "chorus config --env-example > .env"))
@click.option("--env-example", is_flag=True, help="Print a commented .env file instead.")
@with_settings
def config(settings: Settings, env_example: bool) -> None:
    """Show every setting: variable, value (secrets masked), default, meaning."""
    text = configuration.env_example() if env_example else configuration.table(settings)
    click.echo(text, nl=not env_example)


@main.command(epilog=example("chorus doctor", "chorus doctor --json"))
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of lines.")
@with_settings
def doctor(settings: Settings, as_json: bool) -> None:
    """Say what is wrong here and what to do about it. Exit code 1 when something fails.

    Unless PROBE_MODELS is false, the default model is asked a handful of short questions, once a day.
    """
    from app import capabilities, webhook_checks  # noqa: PLC0415
    from app import doctor as checks  # noqa: PLC0415
    from workers.client import Client  # noqa: PLC0415

    client = Client(settings)
    findings = list(checks.diagnose(settings, checks.Shell(client.ping_store, client.workers)))
    findings += webhook_checks.diagnosed(settings)
    if any(finding.check == "upstream" and finding.state == "ok" for finding in findings):
        findings += capabilities.diagnosed(settings)
    click.echo(checks.as_json(findings) if as_json else checks.as_lines(findings))
    sys.exit(any(finding.state == "fail" for finding in findings))


@main.command(epilog=example("chorus probe openai/gpt-4o-mini", "chorus probe my-model --json"))
@click.argument("model")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@with_settings
def probe(settings: Settings, model: str, as_json: bool) -> None:
    """Find out anew what the upstream gives for a MODEL, by 5 to 8 calls of a few tokens each."""
    from app import capabilities  # noqa: PLC0415
    from app import doctor as checks  # noqa: PLC0415
    from workers.client import Client  # noqa: PLC0415

    found = capabilities.probed(model, capabilities.prober_of(Client(settings)))
    lines = checks.as_lines(capabilities.rows(found))
    click.echo(capabilities.as_json(found) if as_json else lines)


if __name__ == "__main__":
    main()
