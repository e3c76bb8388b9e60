"""What a run would ask for, before it asks."""

from collections.abc import Sequence
from statistics import fmean

import click

from app.eval.collecting import body_of
from app.eval.problems import Problem
from app.eval.storage import Asked, Stored
from app.remote import AskError, Service


def plan_line(asked: Asked, problems: int, missing: int) -> str:
    """What is to be paid for."""
    return (
        f"{asked.model}: {problems - missing} of {problems} problems are stored; "
        f"{missing} x {asked.budget} = {missing * asked.budget} calls to make"
    )


def tell_plan(service: Service, asked: Asked, problems: Sequence[Problem], stored: Stored) -> None:
    """What a run would ask for, by what is known; nothing is asked of a model."""
    missing = [problem for problem in problems if problem.id not in stored.pools]
    calls = len(missing) * asked.budget
    click.echo(plan_line(asked, len(problems), len(missing)))
    lengths = [trace["tokens"] for pool in stored.pools.values() for trace in pool.traces]
    if lengths:
        click.echo(f"tokens: about {calls * fmean(lengths):,.0f}, by the {len(lengths)} traces stored here")
    try:
        told = service.estimate(body_of(asked, problems[0]))
    except AskError as error:
        click.echo(f"price and limits are not known: {error}")
        return
    most, price = told["completion_tokens"]["at_most"], told["price"]
    per_call = "no limit is known" if most is None else f"at most {most * len(missing):,} completion tokens"
    click.echo(f"tokens: {per_call}")
    cost = f"at most ${price['at_most'] * len(missing):,.4f}" if price else "not known"
    click.echo(f"price: {cost}. {told['unknown']['price']}")
