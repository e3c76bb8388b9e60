"""The tables of docs/results.md, made of the stored results."""

import csv
import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
MAJORITY = "self_consistency"
NAMES = {
    MAJORITY: "`self_consistency` (majority)",
    "best_of_n:scorer=self_certainty": "`best_of_n`, scorer `self_certainty`",
    "best_of_n:scorer=mean": "`best_of_n`, scorer `mean`",
    "deepconf": "`deepconf`, top5 (default)",
    "deepconf:filter_method=top50%": "`deepconf`, top50%",
    "deepconf:mode=online": "`deepconf` online, eta 90 (default)",
    "deepconf:mode=online,eta=10": "`deepconf` online, eta 10",
}


def rows() -> list[dict[str, str]]:
    """All rows."""
    with (RESULTS / "results.csv").open() as file:
        return list(csv.DictReader(file))


def known() -> dict[str, Any]:
    """The reference lines, and how many traces there are."""
    return dict(json.loads((RESULTS / "results.json").read_text()))


def strategies(budget: int) -> str:
    """All strategies at one budget, the best first, between the two reference lines."""
    found = [row for row in rows() if row["budget"] == str(budget)]
    found.sort(key=lambda row: (-float(row["accuracy"]), row["strategy"]))
    lines = [
        f"| strategy, budget {budget} | accuracy [95 %] | against majority [95 %] | tokens |",
        "| --- | --- | --- | --- |",
        f"| a judge that is never wrong (pass@{budget}) | {share(known()['pass_at_k'][str(budget)])} | | |",
        *(
            f"| {named(row)} | {accuracy(row)} | {gain(row)} | {float(row['tokens']):.0f} |"
            for row in found
        ),
        f"| one trace (pass@1) | {share(known()['pass_at_1'])} | | |",
    ]
    return "\n".join(lines)


def majority() -> str:
    """The majority vote at every budget."""
    found = [row for row in rows() if row["strategy"] == MAJORITY]
    oracle = known()["pass_at_k"]
    table = (
        (f"`{MAJORITY}`, budget", *(row["budget"] for row in found)),
        ("---",) * (len(found) + 1),
        ("accuracy", *(share(float(row["accuracy"])) for row in found)),
        ("pass@k", *(share(oracle[row["budget"]]) for row in found)),
        ("tokens", *(f"{float(row['tokens']):.0f}" for row in found)),
    )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in table)


def pool() -> str:
    """How many traces there are, and how they ended."""
    told = known()["traces"]
    return f"{told['total']} traces; {told['failed']} failed, {told['without_answer']} came to no answer."


def named(row: dict[str, str]) -> str:
    """A strategy's name."""
    return NAMES.get(row["strategy"], f"`{row['strategy']}`")


def share(value: float) -> str:
    """A share in percent."""
    return f"{value:.1%}".replace("%", " %")


def accuracy(row: dict[str, str]) -> str:
    """An accuracy with its interval."""
    return (
        f"{share(float(row['accuracy']))} [{100 * float(row['low']):.0f}, {100 * float(row['high']):.0f}]"
    )


def gain(row: dict[str, str]) -> str:
    """The gain on the majority vote in points, with its interval."""
    if not row["gain"]:
        return ""
    value, low, high = (100 * float(row[name]) for name in ("gain", "gain_low", "gain_high"))
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"
