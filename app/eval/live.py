"""Strategies that ask further questions, run for real: a job for each problem, strategy and budget."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from app.eval.collecting import Collector, Failed, question_of
from app.eval.intervals import wilson
from app.eval.measuring import Cell, Row
from app.eval.problems import Problem
from app.eval.replaying import WITHIN_S, gold_key
from app.eval.storage import Asked
from app.eval.variants import Variant
from tts_core.answers.equivalence import Clustering
from workers.equivalence import Equivalence

Result = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Task:
    """One job that is to be run."""

    problem: Problem
    variant: Variant
    budget: int

    @property
    def name(self) -> tuple[str, str, int]:
        """What its result is known by."""
        return self.problem.id, self.variant.name, self.budget

    def body(self, asked: Asked) -> dict[str, Any]:
        """What is asked of the service."""
        own = {"tts_budget": self.budget} if self.variant.has_budget else {}
        return {**question_of(asked, self.problem), **self.variant.fields, **own}


def name_of(result: Result) -> tuple[str, str, int]:
    """What a stored result is known by."""
    return result["problem"], result["strategy"], result["budget"]


def tasks(
    problems: Sequence[Problem], cells: Iterable[tuple[Variant, int]], done: Sequence[Result]
) -> list[Task]:
    """What has no result yet."""
    known = set(map(name_of, done))
    every = (Task(problem, variant, budget) for variant, budget in cells for problem in problems)
    return [task for task in every if task.name not in known]


def run(collector: Collector, wanted: Sequence[Task]) -> Generator[Result | Failed]:
    """Each task's result as soon as it is there."""
    yield from collector.each(wanted, lambda task: result_of(collector, task), lambda task: task.problem)


def result_of(collector: Collector, task: Task) -> Result | Failed:
    """One task's result. Raises AskError, Interrupted."""
    job = collector.ended(collector.handed_in(task.body(collector.asked)))
    if job["result"] is None:
        return Failed(task.problem, (job["error"] or {}).get("message", f"its job was {job['status']}"))
    told = job["result"]["choices"][0]["tts_metadata"]
    return {
        "problem": task.problem.id,
        "strategy": task.variant.name,
        "budget": task.budget,
        "job_id": job["id"],
        "answer": told["answer"],
        "tokens": job["usage"]["completion_tokens"],
        "traces": told["num_traces"],
        "elapsed_s": told["elapsed_s"],
        "cost": job["usage"].get("cost"),
    }


def cells_of(
    results: Sequence[Result], problems: Mapping[str, Problem], asked: Asked, equivalence: Equivalence
) -> list[Cell]:
    """The live results of these problems by strategy and budget."""
    found: dict[tuple[str, int], dict[str, Result]] = {}
    for result in results:
        if result["problem"] in problems:
            found.setdefault((result["strategy"], result["budget"]), {})[result["problem"]] = result
    right = grader(problems, asked, equivalence)
    return [cell_of(name, budget, each, right) for (name, budget), each in found.items()]


def grader(
    problems: Mapping[str, Problem], asked: Asked, equivalence: Equivalence
) -> Callable[[Result], bool]:
    """Says of a result whether it is right."""

    def right(result: Result) -> bool:
        problem = problems[result["problem"]]
        if result["answer"] is None:
            return False
        answer_format = asked.answer_format or problem.answer_format
        one, gold = gold_key(result["answer"], answer_format), gold_key(problem.gold, answer_format)
        found: Clustering
        found, _ = equivalence.cluster([one, gold], within_s=WITHIN_S)
        return found.leaders.get(one, one) == found.leaders.get(gold, gold)

    return right


def cell_of(name: str, budget: int, each: Mapping[str, Result], right: Callable[[Result], bool]) -> Cell:
    """One strategy at one budget."""
    points = {problem: float(right(result)) for problem, result in each.items()}
    accuracy, results = fmean(points.values()), list(each.values())
    low, high = wilson(accuracy, len(points))
    costs = [result["cost"] for result in results if result["cost"] is not None]
    row = Row(
        strategy=name,
        budget=budget,
        problems=len(points),
        accuracy=accuracy,
        low=low,
        high=high,
        tokens=fmean(result["tokens"] for result in results),
        traces=fmean(result["traces"] for result in results),
        parallel_s=fmean(result["elapsed_s"] for result in results),
        serial_s=None,
        cost=fmean(costs) if len(costs) == len(results) else None,
        live=True,
    )
    return Cell(row, points)
