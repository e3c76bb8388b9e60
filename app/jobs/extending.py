"""A job that goes on where another one ended: its budget is larger, its traces are taken over."""

from dataclasses import replace

from app.permits import check_permitted
from app.questions import Question
from tts_core.errors import Conflict, InvalidRequest
from tts_core.extending import BUDGET, asks_the_same, extended
from tts_core.model import Request
from workers.jobs import Job
from workers.settings import Settings


def extension_of(job: Job, traces: int, settings: Settings) -> Question:
    """The job's question with a budget of so many traces more.

    Raises Conflict for a job that goes on, InvalidRequest for one whose strategy knows no budget, whose
    rounds ask different things, or whose budget would become too large, PermissionDenied.
    """
    if job.ending is None:
        raise Conflict("The job goes on; wait for its end, or cancel it.", code="job_not_ended")
    before = Question.of(job.submission)
    check_rounds(job, before.request)
    request = extended(before.request, traces)
    if request.options[BUDGET] > settings.max_budget:
        raise InvalidRequest(
            f"Invalid value for 'traces': A job has at most {settings.max_budget} traces, and this one "
            f"has {before.request.options[BUDGET]}.",
            param="traces",
        )
    check_permitted(request)
    return replace(before, request=request)


def check_rounds(job: Job, request: Request) -> None:
    """Refuse a job whose rounds were made from each other, or for different models: with more traces in
    the first, the later ones would not be what they were. Raises InvalidRequest."""
    samplings = (sampling for plan in job.run.plans for sampling in plan.samplings)
    if not all(asks_the_same(sampling, request.sampling) for sampling in samplings):
        raise InvalidRequest(
            f"The traces of this job were not all asked the same: its rounds build on each other, or it "
            f"asked several models. {request.strategy!r} cannot be extended then.",
            code="strategy_not_extendable",
        )
