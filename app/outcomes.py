"""What a run came to, gathered for rendering."""

from dataclasses import dataclass

from app.errors import error_of
from app.questions import Question
from app.render import Outcome, shown
from tts_core.errors import NoAnswer, StrategyFault
from workers.client import Client
from workers.jobs import Job
from workers.records import Ending


@dataclass(frozen=True, slots=True)
class Record:
    """A run and the question it answers; `created` is in seconds since the epoch."""

    run_id: str
    created: int
    question: Question

    @classmethod
    def of(cls, job: Job) -> "Record":
        """The record of a job, however it was handed in."""
        return cls(job.id, int(job.submission.created_s), Question.of(job.submission))


def outcome_of(client: Client, record: Record, ending: Ending) -> Outcome:
    """What is to be rendered. Raises the error that the run ended with."""
    if ending.fault or ending.vote is None:
        raise error_of(ending.fault) if ending.fault else StrategyFault("The run ended without a vote.")
    wanted = shown(record.question, ending, ending.vote)
    texts = client.texts(record.run_id, wanted)
    if set(wanted) - set(texts):
        raise NoAnswer("The run's texts have expired.")
    return Outcome(record.run_id, record.created, record.question, ending, ending.vote, texts)
