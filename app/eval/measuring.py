"""Strategies x budgets over graded pools: accuracy with its interval, tokens, time, cost."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np

from app.eval.intervals import Points, pass_at, resampled, wilson
from app.eval.replaying import Graded, Played, play
from app.eval.storage import Asked
from app.eval.variants import Variant
from tts_core.model import Trace

MAJORITY = "self_consistency"
LARGEST_SEED = 2**32


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One strategy at one budget. Means per question; `gain` is against the majority vote at the same
    budget on the same draws. `live`: it was run for real, and not replayed."""

    strategy: str
    budget: int
    problems: int
    accuracy: float
    low: float
    high: float
    tokens: float
    traces: float
    parallel_s: float
    serial_s: float | None
    cost: float | None
    gain: float | None = None
    gain_low: float | None = None
    gain_high: float | None = None
    live: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A row's figures before it is compared: the accuracy of each problem by its id."""

    row: Row
    points: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """How sub-pools are drawn: a problem's traces are shuffled into a circle, each draw begins at another
    place of it, and a budget takes the first traces from there. So all strategies and budgets see the same
    draws; with as many draws as traces, or a multiple, every trace counts equally often at every budget."""

    draws: int
    seed: int

    def orders(self, problem: Graded) -> list[list[Trace]]:
        """The draws of a problem, which depend on nothing but it and the seed."""
        random = np.random.default_rng([self.seed, int(problem.problem.id[:8], 16) % LARGEST_SEED])
        size, found = len(problem.traces), list[list[Trace]]()
        while size and len(found) < self.draws:
            circle = [problem.traces[i] for i in random.permutation(size)]
            begins = places(min(size, self.draws - len(found)), size)
            found += [circle[begin:] + circle[:begin] for begin in begins]
        return found


def places(count: int, size: int) -> list[int]:
    """So many places on a circle of `size`, as evenly apart as they can be."""
    return [number * size // count for number in range(count)]


def measure(
    problems: Sequence[Graded],
    cells: Iterable[tuple[Variant, int]],
    asked: Asked,
    drawing: Drawing,
    tell: Callable[[], None] = lambda: None,
) -> list[Cell]:
    """A cell for each variant and budget; `tell` hears of every one. Raises InvalidRequest for a strategy
    that asks the model something else."""
    orders = [drawing.orders(problem) for problem in problems]
    found: list[Cell] = []
    for variant, budget in cells:
        found.append(cell(variant, budget, list(zip(problems, orders, strict=True)), asked))
        tell()
    return found


def cell(
    variant: Variant, budget: int, drawn: Sequence[tuple[Graded, list[list[Trace]]]], asked: Asked
) -> Cell:
    """One variant at one budget."""
    request = variant.request(budget, asked)
    size = budget if variant.has_budget else 1
    plays = [
        [play(variant, request, order[:size], problem) for order in orders] for problem, orders in drawn
    ]
    points = {
        problem.problem.id: fmean(played.right for played in each)
        for (problem, _), each in zip(drawn, plays, strict=True)
    }
    every = [played for each in plays for played in each]
    accuracy = fmean(points.values())
    low, high = wilson(accuracy, len(points))
    row = Row(
        strategy=variant.name,
        budget=size,
        problems=len(points),
        accuracy=accuracy,
        low=low,
        high=high,
        tokens=fmean(played.tokens for played in every),
        traces=fmean(played.traces for played in every),
        parallel_s=fmean(played.parallel_s for played in every),
        serial_s=fmean(played.serial_s for played in every),
        cost=mean_cost(every),
    )
    return Cell(row, points)


def mean_cost(plays: Sequence[Played]) -> float | None:
    """US dollars for a question; None where a price is not known."""
    known = [played.cost for played in plays if played.cost is not None]
    return fmean(known) if len(known) == len(plays) else None


def compared(cells: Sequence[Cell]) -> list[Row]:
    """The rows, each with what it gains on the majority vote at its budget over the same problems."""
    majorities = {cell.row.budget: cell.points for cell in cells if cell.row.strategy == MAJORITY}
    return [against(cell, majorities.get(cell.row.budget)) for cell in cells]


def against(cell: Cell, majority: Mapping[str, float] | None) -> Row:
    """One of them; nothing is said of the majority vote itself."""
    if majority is None or cell.row.strategy == MAJORITY or not cell.points:
        return cell.row
    gains: Points = np.array([value - majority[name] for name, value in cell.points.items()])
    low, high = resampled(gains)
    return replace(cell.row, gain=float(gains.mean()), gain_low=low, gain_high=high)


@dataclass(frozen=True, slots=True)
class References:
    """What no vote has a part in: the mean accuracy of one trace, and by budget the share of problems for
    which a judge that is never wrong would find a right trace (pass@k)."""

    single: float
    oracle: Mapping[int, float]


def references(problems: Sequence[Graded], budgets: Iterable[int]) -> References:
    """The reference lines of these problems."""
    counts = [(problem.right, len(problem.traces)) for problem in problems]
    return References(pass_at(1, counts), {k: pass_at(k, counts) for k in budgets})
