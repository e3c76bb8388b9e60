"""`python -m bench`: measures Chorus on this machine and writes docs/benchmarks.md."""

import argparse
import asyncio
import os
from pathlib import Path

from bench.cases import FULL, QUICK, Effort, Measured, Waiting, measured_loads, waiting
from bench.report import HEADER, report, row, table
from bench.service import Service, running_service

WAITING = "waiting"
PAGE = Path("docs/benchmarks.md")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, below 90 s")
    parser.add_argument("--only", help=f"one load, such as 10x8 (clients x traces), or {WAITING!r}")
    parser.add_argument("--output", type=Path, help=f"default {PAGE}; with --only none")
    asked = parser.parse_args()
    effort = QUICK if asked.quick else FULL
    load_before, *_ = os.getloadavg()
    with running_service(effort.tokens, effort.rate) as service:
        cases, waited = run(service, effort, asked.only)
    command = f"python -m bench{' --quick' * asked.quick}"
    page = report(effort, cases, waited, command=command, load_before=load_before)
    print(page)
    if output := asked.output or (None if asked.only else PAGE):
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(page)


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
