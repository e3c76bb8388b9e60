"""What a run came to, gathered for rendering."""

from dataclasses import dataclass
from typing import Any

from app.errors import error_of
from app.questions import Question
from app.render import Outcome, shown
from tts_core.errors import JobGone, StrategyFault
from workers.client import Client
from workers.jobs import Job
from workers.records import Ending


@dataclass(frozen=True, slots=True)
class Record:
    """A run and the question it answers; `created` is in seconds since the epoch, `extends` the job
    whose traces were taken over."""

    run_id: str
    created: int
    question: Question
    extends: str | None = None

    @classmethod
    def of(cls, job: Job) -> "Record":
        """The record of a job, however it was handed in."""
        asked = job.submission
        return cls(job.id, int(asked.created_s), Question.of(asked), asked.extends)


def outcome_of(client: Client, record: Record, ending: Ending) -> Outcome:
    """What is to be rendered. Raises the error that the run ended with; JobGone once its texts are gone."""
    if ending.fault or ending.vote is None:
        raise error_of(ending.fault) if ending.fault else StrategyFault("The run ended without a vote.")
    wanted = shown(record.question, ending, ending.vote)
    texts = client.texts(record.run_id, wanted)
    if set(wanted) - set(texts):
        raise JobGone(f"The job {record.run_id!r} was deleted, or its time is over.")
    question, notes = record.question, reuse(record, ending)
    return Outcome(record.run_id, record.created, question, ending, ending.vote, texts, notes)


def reuse(record: Record, ending: Ending) -> dict[str, Any]:
    """How much of an extended job is another's."""
    if not record.extends:
        return {}
    reused = sum(not trace.attempts and not trace.fault for trace in ending.traces)
    return {"extends": record.extends, "traces_reused": reused}
