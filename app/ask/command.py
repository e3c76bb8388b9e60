"""The command `chorus ask`."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.live import Live

from app.ask.board import Board, show_vote
from app.remote import AskError, Service
from app.up import demo
from app.up.commands import local_url
from workers.settings import Settings

INTERRUPTED = 130


class Place(NamedTuple):
    """Where to ask, and with which key; both may be left open."""

    url: str
    key: str


def run(settings: Settings, question: str, place: Place, given: Mapping[str, Any]) -> int:
    """Ask as the command line says; the exit code."""
    fields = {
        "model": given["model"] or model_here(settings),
        "tts_strategy": given["strategy"],
        "tts_budget": given["budget"],
    }
    body = body_of(question, given["system"], fields, given["options"])
    key = place.key or next(iter(settings.client_keys), "")
    service = Service(place.url or f"{local_url(settings.host, settings.port)}/v1", key)
    try:
        if given["streamed"]:
            return stream(service, body, quiet=given["quiet"])
        return ask(service, body, as_json=given["as_json"], quiet=given["quiet"])
    except AskError as error:
        click.secho(f"chorus: {error}", fg="red", err=True)
        return 1


def model_here(settings: Settings) -> str:
    """The model that is asked unless another one is named."""
    return demo.alias(settings) if settings.upstream.name == "demo" else settings.default_model


def ask(service: Service, body: Mapping[str, Any], *, as_json: bool, quiet: bool) -> int:
    """Hand in a job, show it, print its answer; the exit code. Ctrl-C cancels it and prints what the
    traces at hand decide. Raises AskError."""
    notes = Console(stderr=True, quiet=quiet)
    job = service.submit(body)
    try:
        watch(service, job["id"], notes)
        code = 0
    except KeyboardInterrupt:
        notes.print("cancelled; what is finished votes", style="yellow")
        service.cancel(job["id"])
        code = INTERRUPTED
    job = service.job(job["id"])
    if as_json:
        click.echo(json.dumps(job, indent=2, ensure_ascii=False))
    elif job["result"]:
        tell(job["result"], notes)
    failed = job["result"] is None and job["error"]
    if failed and not as_json:
        raise AskError(job["error"]["message"])
    return 1 if failed else code


def watch(service: Service, job_id: str, notes: Console) -> None:
    """Show a job's events until its end: bars on a terminal, else lines."""
    board = Board()
    if not notes.is_terminal:
        for event in service.events(job_id):
            if line := board.take(event):
                notes.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    with Live(board, console=notes, transient=True, refresh_per_second=8):
        for event in service.events(job_id):
            board.take(event)


def tell(completion: Mapping[str, Any], notes: Console) -> None:
    """The answer to stdout, the vote beside it."""
    message = completion["choices"][0]["message"]
    click.echo(message["content"] or json.dumps(message.get("tool_calls"), ensure_ascii=False))
    show_vote(notes, completion)


def stream(service: Service, body: Mapping[str, Any], *, quiet: bool) -> int:
    """Print the answer as it comes; the exit code. Ctrl-C hangs up, which cancels. Raises AskError."""
    notes = Console(stderr=True, quiet=quiet)
    told: dict[str, Any] = {}
    try:
        for chunk in service.chunks({**body, "tts_progress": True}):
            for choice in chunk["choices"][:1]:
                click.echo(choice["delta"].get("content") or "", nl=False)
                if progress := choice["delta"].get("tts"):
                    notes.print(line_of(progress), markup=False, highlight=False, soft_wrap=True)
                told = choice.get("tts_metadata") or told
    except KeyboardInterrupt:
        click.echo()
        return INTERRUPTED
    click.echo()
    if told:
        agreement = told["agreement"] or 0
        notes.print(f"{told['strategy']}: {told['num_traces']} traces, agreement {agreement:.0%}")
    return 0


def line_of(progress: Mapping[str, Any]) -> str:
    """What happened, in a line."""
    match progress["type"]:
        case "trace":
            said = progress["answer"] or progress["stop_reason"] or progress["finish_reason"]
            return f"{progress['ended']} of {progress['planned']}: {said}"
        case "round":
            return f"round {progress['number'] + 1}: {progress['traces']} traces"
    return str(progress["type"])


def option_of(word: str) -> tuple[str, Any]:
    """`name=value` as a field of the body: `tts_` may be left out for what is no field of OpenAI's; a
    value that is JSON is read as such. Raises click.BadParameter."""
    name, equals, value = word.partition("=")
    if not name or not equals:
        raise click.BadParameter(f"{word!r} is not NAME=VALUE.")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def body_of(
    question: str, system: str, fields: Mapping[str, Any], options: Sequence[str]
) -> dict[str, Any]:
    """The request's body; `-` or nothing reads the question from stdin. Raises click.UsageError."""
    if question in ("", "-"):
        if question == "" and sys.stdin.isatty():
            raise click.UsageError("Ask something: chorus ask QUESTION, or pipe it in.")
        question = sys.stdin.read().strip()
    if not question:
        raise click.UsageError("The question is empty.")
    first = [{"role": "system", "content": system}] if system else []
    given = {name: value for name, value in fields.items() if value is not None}
    messages = [*first, {"role": "user", "content": question}]
    return {**given, **dict(map(option_of, options)), "messages": messages}
