"""What an evaluation found: a table for the terminal, CSV and JSON, the plot."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.eval.measuring import Drawing, References, Row
from app.eval.plot import svg
from app.eval.storage import Asked, write

CSV, JSON, PLOT = "results.csv", "results.json", "accuracy.svg"
METHOD = (
    "Answers are graded as Chorus votes: by the same keys, and mathematics by Math-Verify. Accuracy has "
    "Wilson's 95 % interval, a problem being one observation. Against the majority vote: paired, 95 % by "
    "resampling problems. Tokens are completion tokens. Parallel time is the slowest trace, serial time "
    "all of them one after the other, both as recorded while the pool was sampled. Cost is told where the "
    "service knows the prices."
)
LIVE = "* was run for real, once for each problem."


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All there is to tell. `problems` are those with traces, of `wanted`; `left_out` has why a strategy
    is not in it."""

    asked: Asked
    drawing: Drawing
    problems: int
    wanted: int
    rows: Sequence[Row]
    known: References
    traces: int
    failed_traces: int
    unanswered: int
    uncompared: int
    left_out: Mapping[str, str]

    @property
    def title(self) -> str:
        """What was measured on what."""
        return f"{self.asked.model}: {self.problems} problems, {self.asked.budget} traces each"


def save(report: Report, out: Path) -> None:
    """Write the three files. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    write(out / CSV, as_csv(report.rows))
    write(out / JSON, json.dumps(as_json(report), indent=2) + "\n")
    write(out / PLOT, svg(report.rows, report.known, report.title))


def as_csv(rows: Sequence[Row]) -> str:
    """A line for each row; what is not known is empty."""
    text = io.StringIO()
    names = [field.name for field in fields(Row)]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: plain(value) for name, value in asdict(row).items()} for row in rows)
    return text.getvalue()


def plain(value: Any) -> Any:
    """A figure with six digits."""
    return f"{value:.6g}" if isinstance(value, float) else value


def as_json(report: Report) -> dict[str, Any]:
    """Everything, with what was asked and how it was counted."""
    return {
        "asked": asdict(report.asked),
        "drawing": asdict(report.drawing),
        "problems": report.problems,
        "problems_wanted": report.wanted,
        "traces": {
            "total": report.traces,
            "failed": report.failed_traces,
            "without_answer": report.unanswered,
        },
        "method": METHOD,
        "pass_at_1": report.known.single,
        "pass_at_k": {str(k): value for k, value in report.known.oracle.items()},
        "rows": [asdict(row) for row in report.rows],
        "left_out": dict(report.left_out),
    }


def show(report: Report, console: Console) -> None:
    """The table and what has to be known of it."""
    console.print(table(report.rows))
    oracle = ", ".join(f"{k}: {value:.1%}" for k, value in report.known.oracle.items())
    for line in (
        f"{report.title}; {report.drawing.draws} draws of each budget, seed {report.drawing.seed}.",
        f"One trace (pass@1): {report.known.single:.1%}. A judge that is never wrong (pass@k): {oracle}.",
        *cautions(report),
        METHOD,
    ):
        console.print(line, markup=False, highlight=False)


def cautions(report: Report) -> Iterator[str]:
    """What the figures leave out."""
    missing, total = report.wanted - report.problems, report.traces
    if missing:
        yield f"{missing} of {report.wanted} problems have no traces yet and are left out."
    if report.failed_traces:
        yield f"{report.failed_traces} of {total} traces failed; they count as wrong."
    if report.unanswered:
        yield f"{report.unanswered} of {total} traces came to no answer, which counts as wrong."
    if report.uncompared:
        yield f"{report.uncompared} problems have answers that could not be compared in time."
    if any(row.live for row in report.rows):
        yield LIVE
    for why in dict.fromkeys(report.left_out.values()):
        names = ", ".join(name for name, other in report.left_out.items() if other == why)
        yield f"Left out: {names}. {why}"


def table(rows: Sequence[Row]) -> Table:
    """The rows for a terminal; a column that says nothing is left out."""
    found = Table(box=None, pad_edge=False)
    columns = [each for each in COLUMNS if any(each.told(row) for row in rows)]
    for column in columns:
        found.add_column(column.name, justify="right" if column.told is not named else "left", no_wrap=True)
    before = ""
    for row in rows:
        name, *figures = (escape(column.told(row)) for column in columns)
        found.add_row("" if row.strategy == before else name, *figures)
        before = row.strategy
    return found


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table, and what a row has there ("" for nothing)."""

    name: str
    told: Callable[[Row], str]


def named(row: Row) -> str:
    """The strategy, marked when it was run for real."""
    return f"{row.strategy}{'*' * row.live}"


def gained(row: Row) -> str:
    """What it gains on the majority vote, in points."""
    if row.gain is None or row.gain_low is None or row.gain_high is None:
        return ""
    return f"{100 * row.gain:+.1f} [{100 * row.gain_low:+.0f}, {100 * row.gain_high:+.0f}]"


COLUMNS = (
    Column("strategy", named),
    Column("budget", lambda row: str(row.budget)),
    Column(
        "accuracy %\n[95 %]",
        lambda row: f"{100 * row.accuracy:.1f} [{100 * row.low:.0f}, {100 * row.high:.0f}]",
    ),
    Column("against majority\n[95 %]", gained),
    Column("tokens", lambda row: f"{row.tokens:,.0f}"),
    Column("traces", lambda row: f"{row.traces:.1f}"),
    Column("parallel\ns", lambda row: f"{row.parallel_s:.1f}"),
    Column("serial\ns", lambda row: "" if row.serial_s is None else f"{row.serial_s:.1f}"),
    Column("cost\nUSD", lambda row: "" if row.cost is None else f"{row.cost:.4g}"),
)
