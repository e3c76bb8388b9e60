"""How far a job is, and when it may be done."""

from dataclasses import asdict
from math import ceil
from statistics import fmean
from typing import Any

from tts_core.mixing import weighted_majority
from tts_core.model import Finish, Trace, Vote
from workers.jobs import Job


def progress(job: Job) -> dict[str, Any]:
    """The traces by how far they are, and how the vote stands. What still runs is as its workers told
    it within the last second or so."""
    traces = [trace for trace in job.run.traces.values() if not trace.judge]
    vote = standing(job, traces)
    return {
        "traces": {
            "planned": planned(job),
            "done": sum(trace.usable for trace in traces),
            "running": running(job),
            "failed": sum(trace.finish is Finish.FAILED for trace in traces),
            "stopped": sum(trace.finish is Finish.STOPPED for trace in traces),
        },
        "rounds": len(job.run.plans),
        "tokens": sum(t.tokens for t in traces) + sum(held.tokens for held in job.held.values()),
        "leader": vote.weighted_answer,
        "agreement": vote.agreement,
        "eta_s": eta_s(job, traces),
    }


def curves(job: Job) -> list[dict[str, Any]]:
    """How sure the running traces have been so far, by index."""
    told = {curve.index: asdict(curve) for holding in job.held.values() for curve in holding.curves}
    return [told[index] for index in sorted(told.keys() - job.run.traces.keys())]


def standing(job: Job, traces: list[Trace]) -> Vote:
    """The vote; while the job goes on a first picture of it, in which all traces weigh their mean
    confidence, and each the same when several models wrote them."""
    if job.ending and job.ending.vote:
        return job.ending.vote
    return weighted_majority(traces)


def planned(job: Job) -> int:
    """How many traces the rounds so far have asked for."""
    return sum(len(plan.which) - len(plan.judges) for plan in job.run.plans)


def running(job: Job) -> int:
    """How many traces a live worker has now."""
    held = {index for holding in job.held.values() for index in holding.indexes}
    return len(held - job.run.traces.keys() - {i for plan in job.run.plans for i in plan.judges})


def judging(job: Job) -> bool:
    """Whether judge calls are still awaited, of whose length the traces tell nothing."""
    return any(plan.judges - job.run.traces.keys() for plan in job.run.plans)


def eta_s(job: Job, traces: list[Trace]) -> float | None:
    """Seconds until the rounds planned so far may be through: waves of as many traces as run now, each
    as long as those that have finished took. None while nobody can know, and after the end."""
    lengths = [trace.elapsed_s for trace in traces if trace.usable]
    at_once, left = running(job), planned(job) - len(traces)
    if job.ending or not lengths or (left and not at_once) or judging(job):
        return None
    if not left:
        return 0.0
    age_s = sum(holding.ages_s for holding in job.held.values()) / at_once
    waves = ceil(max(0, left - at_once) / at_once)
    return max(0.0, fmean(lengths) - age_s) + waves * fmean(lengths)
