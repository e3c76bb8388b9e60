"""`python -m bench`: measures Chorus on this machine and writes a section of docs/benchmarks.md."""

import argparse
import asyncio
import os
from pathlib import Path

from bench import overload, replay, savings, scaling
from bench.cases import FULL, QUICK, Effort, Measured, Waiting, measured_loads, waiting
from bench.page import LOADS, OVERLOAD, PAGE, REPLAY, SAVINGS, SCALING, put
from bench.report import HEADER, report, row, table
from bench.service import Service, running_service

WAITING = "waiting"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parts = parser.add_mutually_exclusive_group()
    parts.add_argument("--savings", action="store_true", help="tokens saved by stopping early")
    parts.add_argument("--scaling", action="store_true", help="throughput over the number of workers")
    parts.add_argument("--overload", action="store_true", help="ten times what it can do, for a minute")
    parts.add_argument("--replay", type=Path, metavar="DIR", help="strategies on recorded traces")
    parts.add_argument("--only", help=f"one load, such as 10x8 (clients x traces), or {WAITING!r}")
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--output", type=Path, help=f"default {PAGE}; with --only none")
    asked = parser.parse_args()
    load_before, *_ = os.getloadavg()
    name, text = measured(asked, load_before)
    print(text)
    if output := asked.output or (None if asked.only else PAGE):
        put(output, name, text)


def measured(asked: argparse.Namespace, load_before: float) -> tuple[str, str]:
    """The section that was asked for: its name and its text."""
    quick = " --quick" * asked.quick
    if asked.savings:
        command = f"python -m bench --savings{quick}"
        return SAVINGS, savings.section(asked.quick, command, load_before)
    if asked.scaling:
        command = f"python -m bench --scaling{quick}"
        return SCALING, scaling.section(asked.quick, command, load_before)
    if asked.overload:
        command = f"python -m bench --overload{quick}"
        return OVERLOAD, overload.section(asked.quick, command, load_before)
    if asked.replay:
        command = f"python -m bench --replay DIR{quick}"
        return REPLAY, replay.section(asked.replay, asked.quick, command, load_before)
    effort = QUICK if asked.quick else FULL
    with running_service(tokens=effort.tokens, rate=effort.rate) as service:
        cases, waited = run(service, effort, asked.only)
    command = f"python -m bench{quick}"
    return LOADS, report(effort, cases, waited, command=command, load_before=load_before)


def run(service: Service, effort: Effort, only: str | None) -> tuple[list[Measured], Waiting | None]:
    """All loads, or one of them; each line is printed as soon as it is measured."""
    print(table(HEADER, []), flush=True)
    cases = []
    for case in measured_loads(service, effort, only):
        cases.append(case)
        print(f"| {' | '.join(row(case))} |", flush=True)
    if only in (None, WAITING):
        return cases, asyncio.run(waiting(service, effort))
    return cases, None


if __name__ == "__main__":
    main()
