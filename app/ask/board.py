"""What is seen of a job while it goes on: a bar for each trace, and the answers that lead."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.remote import Event

BARS = 16
LEADERS = 5
WIDTH = 24
LONGEST = 60


@dataclass(slots=True)
class Standing:
    """An answer's support so far."""

    votes: int = 0
    weight: float = 0.0


def bars() -> Progress:
    """Bars without an end until their trace has one."""
    columns = (SpinnerColumn(finished_text="•"), TextColumn("{task.description}"), BarColumn(WIDTH))
    return Progress(*columns, TimeElapsedColumn(), TextColumn("{task.fields[said]}", markup=False))


@dataclass(slots=True)
class Board:
    """Takes a job's events; shows the traces and the leading answers."""

    bars: Progress = field(default_factory=bars)
    rows: dict[int, TaskID] = field(default_factory=dict)
    planned: int = 0
    ended: int = 0
    tokens: int = 0
    answers: dict[str, Standing] = field(default_factory=dict)

    def take(self, event: Event) -> str:
        """Take what happened; a line about it, for where no bars can be drawn ("" for nothing)."""
        match event.type:
            case "round":
                return self.begin(event.data)
            case "threshold":
                return f"traces below a confidence of {event.data['stop_below']:.2f} are stopped"
            case "trace":
                return self.end(event.data)
        return ""

    def begin(self, told: Mapping[str, Any]) -> str:
        """A round's traces are on their way."""
        several = told["traces"] + told["judge_calls"]
        for index in range(self.planned, self.planned + several):
            if index < BARS:
                self.rows[index] = self.bars.add_task(f"trace {index}", total=None, said="")
        self.planned += several
        judges = f" and {told['judge_calls']} judge calls" if told["judge_calls"] else ""
        return f"round {told['number'] + 1}: {told['traces']} traces{judges}"

    def end(self, trace: Mapping[str, Any]) -> str:
        """A trace has ended."""
        self.ended += 1
        self.tokens += trace["tokens"]
        said = said_by(trace)
        if trace["answer"] and not trace["stop_reason"] and not trace["judge"]:
            standing = self.answers.setdefault(trace["answer"], Standing())
            standing.votes += 1
            standing.weight += (trace["confidence"] or {}).get("mean", 1.0)
        if (row := self.rows.get(trace["index"])) is not None:
            self.bars.update(row, total=1, completed=1, said=said)
        return f"{self.ended} of {self.planned}: {said}"

    def __rich__(self) -> RenderableType:
        """The bars, and below them the answers."""
        hidden = self.planned - len(self.rows)
        more = [f"... and {hidden} more"] if hidden > 0 else []
        counted = f"{self.ended} of {self.planned} traces, {self.tokens} tokens"
        return Group(self.bars, *more, counted, leaders(self.answers))


def said_by(trace: Mapping[str, Any]) -> str:
    """A trace's end in a few words."""
    if trace["error"]:
        return f"failed: {short(trace['error'])}"
    if trace["stop_reason"]:
        return f"stopped ({trace['stop_reason']}) after {trace['tokens']} tokens"
    sure = f", confidence {trace['confidence']['mean']:.1f}" if trace["confidence"] else ""
    who = "judge" if trace["judge"] else short(trace["answer"] or "no answer")
    return f"{who} ({trace['tokens']} tokens{sure})"


def short(text: str) -> str:
    """One line of a text."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 3] + "..."


def leaders(answers: Mapping[str, Standing]) -> Table:
    """The answers with the most support."""
    total = sum(standing.weight for standing in answers.values()) or 1.0
    ranked = sorted(answers.items(), key=lambda pair: -pair[1].weight)[:LEADERS]
    return votes_table((answer, found.votes, found.weight / total) for answer, found in ranked)


def votes_table(rows: Iterable[tuple[str, int, float]]) -> Table:
    """Answers with their votes and their share of the weight as a bar."""
    table = Table("answer", "votes", "share", box=None, pad_edge=False)
    for answer, votes, share in rows:
        table.add_row(plain(answer), str(votes), f"{'█' * round(share * WIDTH)} {share:.0%}")
    return table


def plain(text: str) -> str:
    """One line that the terminal is not to read as markup."""
    return short(text).replace("[", "\\[")


def show_vote(console: Console, completion: Mapping[str, Any]) -> None:
    """The vote of a completion, and what it took."""
    told = completion["choices"][0]["tts_metadata"]
    found = told["answer_distribution"]
    console.print(votes_table((answer, c["votes"], c["share"]) for answer, c in found.items()))
    sure = f", confidence {told['confidence']:.2f}" if told["confidence"] is not None else ""
    console.print(
        f"{told['strategy']}: {told['traces_used']} of {told['num_traces']} traces voted, agreement "
        f"{told['agreement'] or 0:.0%}{sure}, {completion['usage']['total_tokens']} tokens, "
        f"{told['elapsed_s']:.1f} s",
        highlight=False,
        soft_wrap=True,
    )
    for warning in told["warnings"]:
        console.print(f"warning: {warning}", style="yellow", markup=False, highlight=False, soft_wrap=True)
