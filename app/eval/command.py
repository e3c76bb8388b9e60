"""The commands `chorus eval` and `chorus replay`, once their options are read."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import click
from rich.console import Console

from app.eval import live, storage
from app.eval.bars import bar, steps
from app.eval.collecting import Collector, Failed
from app.eval.evaluating import Grid, evaluate, sorted_out
from app.eval.measuring import Drawing
from app.eval.planning import plan_line, tell_plan
from app.eval.problems import DataError, Problem, read_problems
from app.eval.reporting import PLOT, save, show
from app.eval.storage import Asked, Stored
from app.eval.variants import read_variants
from app.remote import AskError, Service
from tts_core.errors import InvalidRequest

INTERRUPTED = 130
SHOWN_FAILURES = 5
PLAIN_WIDTH = 120
INTERRUPTION = (
    "Interrupted. What is sampled is in {0}. The same command goes on from there, and takes up what is "
    "still under way in the service. So far: chorus replay {0}"
)
Given = Mapping[str, Any]


class Abandoned(Exception):
    """Why the rest need not be tried."""


def run(service: Service, asked: Asked, given: Given) -> int:
    """Sample what is missing, then evaluate; the exit code."""
    with closing(service.http):
        return evaluated(service, asked, given)


def evaluated(service: Service, asked: Asked, given: Given) -> int:
    """The same with a service that is closed afterwards."""
    notes = Console(stderr=True)
    try:
        shape, problems = read_problems(Path(given["data"]), given["shape"])
        problems = chosen(problems, given["limit"], given["seed"])
        grid, out = grid_of(given, asked.budget), Path(given["out"])
        notes.print(f"{len(problems)} problems, format {shape}", markup=False, highlight=False)
        if given["dry_run"]:
            tell_plan(service, asked, problems, stored_before(out, asked))
            return 0
        storage.open_store(out, asked)
        complete = sampled(service, asked, problems, given, notes)
        return report(out, problems, given, grid) if complete is not None else INTERRUPTED
    except (DataError, InvalidRequest, Abandoned, AskError, OSError) as error:
        click.secho(f"chorus: {error}", fg="red", err=True)
        return 1


def replay(given: Given) -> int:
    """Evaluate what is stored; the exit code."""
    place = Path(given["place"])
    try:
        stored = storage.read_store(place)
        if not stored.pools:
            raise DataError(f"{place} has no traces yet.")
        out = Path(given["out"]) if given["out"] else place if place.is_dir() else None
        if given["export"]:
            storage.export(stored, Path(given["export"]), texts=given["texts"])
        tell_report(stored, grid_of(given, stored.asked.budget), given, out)
        return 0
    except (DataError, InvalidRequest, OSError) as error:
        click.secho(f"chorus: {error}", fg="red", err=True)
        return 1


def chosen(problems: Sequence[Problem], limit: int | None, seed: int) -> list[Problem]:
    """So many of the problems, drawn by the seed, in the order of the file; the same seed with a larger
    limit has those of a smaller one among them."""
    if limit is None or limit >= len(problems):
        return list(problems)
    drawn = set(Random(seed).sample(range(len(problems)), len(problems))[:limit])  # noqa: S311
    return [problem for number, problem in enumerate(problems) if number in drawn]


def grid_of(given: Given, largest: int) -> Grid:
    """The strategies and budgets that are looked at. Raises DataError, InvalidRequest."""
    budgets = given["budgets"] or [b for b in (2**power for power in range(20)) if b <= largest]
    if too_large := [budget for budget in budgets if budget > largest]:
        raise DataError(f"Budget {too_large[0]}: the pool has {largest} traces a problem.")
    return Grid(variants=read_variants(given["strategies"]), budgets=sorted(set(budgets)))


def stored_before(out: Path, asked: Asked) -> Stored:
    """What is stored already; nothing is made. Raises DataError."""
    return storage.open_store(out, asked) if (out / storage.ASKED).exists() else Stored(asked)


def sampled(
    service: Service, asked: Asked, problems: Sequence[Problem], given: Given, notes: Console
) -> bool | None:
    """Sample what is missing and store it at once; whether nothing failed, None when it was interrupted.
    Raises Abandoned, DataError."""
    out = Path(given["out"])
    stored = storage.read_store(out)
    missing = [problem for problem in problems if problem.id not in stored.pools]
    notes.print(plan_line(asked, len(problems), len(missing)), markup=False, highlight=False)
    try:
        failures = list(pools(service, asked, missing, given, notes))
        failures += list(lives(service, asked, problems, given, notes)) if given["live"] else []
    except KeyboardInterrupt:
        notes.print(INTERRUPTION.format(out), markup=False, highlight=False, soft_wrap=True)
        return None
    for failed in failures[:SHOWN_FAILURES]:
        notes.print(f"failed: {failed.problem.question[:60]!r}: {failed.reason}", markup=False, style="red")
    if failures:
        notes.print(f"{len(failures)} failed; the same command tries them again.", style="red")
    return not failures


def pools(
    service: Service, asked: Asked, missing: Sequence[Problem], given: Given, notes: Console
) -> Iterator[Failed]:
    """Sample these problems' pools; those that failed."""
    with bar("traces", len(missing) * asked.budget, notes) as advance:
        collector = Collector(service, asked, given["at_once"], advance)
        with closing(collector.collect(missing)) as found:
            yield from kept(found, lambda pool: storage.keep(Path(given["out"]), pool))


def lives(
    service: Service, asked: Asked, problems: Sequence[Problem], given: Given, notes: Console
) -> Iterator[Failed]:
    """Run for real what stored traces cannot tell; those that failed."""
    out = Path(given["out"])
    stored, grid = storage.read_store(out), grid_of(given, asked.budget)
    playable, _ = sorted_out(grid, stored)
    real = [variant for variant in grid.variants if variant not in playable]
    wanted = live.tasks(problems, grid.cells(real), stored.live)
    with bar("live runs", len(wanted), notes) as advance:
        collector = Collector(service, asked, given["at_once"])

        def keep(result: live.Result) -> None:
            storage.append(out / storage.LIVE, result)
            advance(1)

        with closing(live.run(collector, wanted)) as found:
            yield from kept(found, keep)


def kept(found: Iterable[Any], keep: Callable[[Any], None]) -> Iterator[Failed]:
    """Store what came; hand on what failed. Raises Abandoned when the rest would fail, too."""
    for each in found:
        if not isinstance(each, Failed):
            keep(each)
        elif each.hopeless:
            raise Abandoned(each.reason)
        else:
            yield each


def report(out: Path, problems: Sequence[Problem], given: Given, grid: Grid) -> int:
    """Tell what the stored traces of these problems come to; 1 when some are missing."""
    stored = storage.read_store(out)
    wanted = {problem.id for problem in problems}
    mine = {name: pool for name, pool in stored.pools.items() if name in wanted}
    if not mine:
        raise DataError("No problem has traces: there is nothing to evaluate.")
    tell_report(Stored(stored.asked, mine, stored.live), grid, given, out, len(problems))
    return 1 if len(mine) < len(problems) else 0


def tell_report(stored: Stored, grid: Grid, given: Given, out: Path | None, wanted: int = 0) -> None:
    """Evaluate, print the table, write the files."""
    with steps(Console(stderr=True)) as tell:
        found = evaluate(stored, grid, Drawing(draws=given["draws"], seed=given["seed"]), wanted, tell)
    terminal = Console()
    show(found, terminal if terminal.is_terminal else Console(width=PLAIN_WIDTH))
    if out is not None:
        save(found, out)
        click.echo(f"{out}: results.csv, results.json, {PLOT}", err=True)


def asked_of(model: str, given: Given, options: Mapping[str, Any]) -> Asked:
    """What all problems are asked with."""
    first = [{"role": "system", "content": given["system"]}] if given["system"] else []
    named = {name: given[name] for name in ("temperature", "max_tokens") if given[name] is not None}
    hint = {"tts_answer_hint": True} if given["hint"] else {}
    body = {"model": model, "seed": given["seed"], **named, **hint, **options}
    prompt = given["prompt"].replace("\\n", "\n")
    if "{question}" not in prompt:
        raise click.UsageError("--prompt must have {question} in it.")
    return Asked(
        budget=given["budget"] or max(given["budgets"] or [32]),
        body={**body, "messages": first} if first else body,
        prompt=prompt,
        answer_format=given["answer_format"],
    )
