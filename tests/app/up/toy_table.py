"""Run by the tests: a supervisor over shell commands, given as NAME[:ROLE][!gate]=COMMAND arguments."""

import asyncio
import os
import sys
from pathlib import Path

import click

from app.up.child import Patience
from app.up.processes import Process
from app.up.supervisor import Supervisor


def process(argument: str) -> Process:
    """One row of the table; a gate is ready when a file of its name appears."""
    head, command = argument.split("=", 1)
    label, _, gate = head.partition("!")
    name, _, role = label.partition(":")

    async def probe() -> str:
        return "" if Path(name).exists() else "no file"

    return Process(
        name=name,
        role=role or name,
        command=("sh", "-c", command),
        probe=probe if gate else None,
        gate=bool(gate),
    )


def say(speaker: str, line: str) -> None:
    """What `chorus up` prints in colour."""
    click.echo(f"{speaker}: {line}")


async def announce() -> None:
    """What `chorus up` does with its box."""
    say("chorus", "ALL UP")


async def supervise() -> int:
    """Supervise the table of the command line."""
    patience = Patience(float(os.environ.get("GRACE_S", "5")), first_pause_s=0.01, tries=3)
    table = [process(argument) for argument in sys.argv[1:]]
    return await Supervisor(table, say, patience).run(announce)


sys.exit(asyncio.run(supervise()))
