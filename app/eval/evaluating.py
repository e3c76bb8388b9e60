"""From a store to its report: nothing is asked of any service."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from app.eval.live import cells_of
from app.eval.measuring import Drawing, compared, measure, references
from app.eval.replaying import Graded, comparing, graded
from app.eval.reporting import Report
from app.eval.storage import Stored
from app.eval.variants import Variant, unplayable
from tts_core.model import Finish

Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Which strategies are looked at, at which budgets."""

    variants: Sequence[Variant]
    budgets: Sequence[int]

    def cells(self, variants: Sequence[Variant]) -> list[tuple[Variant, int]]:
        """Every pair; a strategy without a budget is one, at budget 1."""
        pairs = ((v, b) for v in variants for b in (self.budgets if v.has_budget else (1,)))
        return list(pairs)


def sorted_out(grid: Grid, stored: Stored) -> tuple[list[Variant], dict[str, str]]:
    """The variants that stored traces can tell of, and why the others are not among them."""
    reasons = {v.name: unplayable(v, list(grid.budgets), stored.asked) for v in grid.variants}
    playable = [variant for variant in grid.variants if not reasons[variant.name]]
    return playable, {name: reason for name, reason in reasons.items() if reason}


def evaluate(stored: Stored, grid: Grid, drawing: Drawing, wanted: int, tell: Tell) -> Report:
    """Grade the pools, play every strategy at every budget, and take the live results in. `tell` hears
    of each step as (what, done, all)."""
    playable, reasons = sorted_out(grid, stored)
    with comparing() as equivalence:
        problems: list[Graded] = []
        for pool in stored.pools.values():
            problems.append(graded(pool, stored.asked, equivalence))
            tell("grading", len(problems), len(stored.pools))
        by_id = {pool.problem.id: pool.problem for pool in stored.pools.values()}
        chosen = {variant.name for variant in grid.variants}
        live = [r for r in stored.live if r["strategy"] in chosen]
        run_for_real = cells_of(live, by_id, stored.asked, equivalence)
    pairs, count = grid.cells(playable), iter(range(1, 1 + len(grid.cells(playable))))
    replayed = measure(
        problems, pairs, stored.asked, drawing, lambda: tell("replaying", next(count), len(pairs))
    )
    traces = list(chain.from_iterable(problem.traces for problem in problems))
    shown_live = {cell.row.strategy for cell in run_for_real}
    return Report(
        asked=stored.asked,
        drawing=drawing,
        problems=len(problems),
        wanted=max(wanted, len(problems)),
        rows=compared([*replayed, *run_for_real]),
        known=references(problems, grid.budgets),
        traces=len(traces),
        failed_traces=sum(trace.finish is Finish.FAILED for trace in traces),
        unanswered=sum(trace.usable and trace.answer is None for trace in traces),
        uncompared=sum(problem.uncompared for problem in problems),
        left_out={name: why for name, why in reasons.items() if name not in shown_live},
    )
