"""What a batch's output and error files say: nothing is kept of them, their lines are read out of runs."""

from collections.abc import Iterator, Mapping
from typing import Any

from app.errors import body_of, meaning_of
from app.outcomes import Record, outcome_of
from app.questions import Question
from app.render import completion
from tts_core.errors import ChorusError
from tts_core.model import Why
from workers.answering import answering
from workers.batch import End, State, indexes, run_of
from workers.batches import Batches, Outcome
from workers.client import Client
from workers.json_fields import encode

Words = Mapping[str, str]
CANCELLED: Words = {
    "code": "batch_cancelled",
    "message": "This request could not be executed before the batch was cancelled.",
}
EXPIRED: Words = {
    "code": "batch_expired",
    "message": "This request could not be executed before the completion window expired.",
}
GONE: Words = {"code": "job_gone", "message": "The run of this request was deleted, or its time is over."}


class BatchLines:
    """The lines of one batch that has ended."""

    def __init__(self, client: Client, batches: Batches, state: State) -> None:
        self.client = client
        self.batches = batches
        self.state = state

    def read(self, name: str) -> Iterator[bytes]:
        """The lines of the file of this name, in the order of the input. Raises Overloaded."""
        batch = self.state.batch
        with answering():
            completed = self.batches.bits(batch).completed
            names = self.batches.table(batch.id).custom_ids
            chosen = indexes(completed if name == "output" else ~completed)
            for outcome in self.batches.outcomes(batch.id, chosen):
                yield encode(self.line(outcome, names[outcome.index])) + b"\n"

    def line(self, outcome: Outcome, custom_id: str) -> dict[str, Any]:
        """One line as OpenAI writes it."""
        run_id = run_of(self.state.batch.id, outcome.index)
        error = self.cut_short(outcome)
        response = None if error else self.response(outcome, run_id)
        return {"id": f"batch_req_{run_id}", "custom_id": custom_id, "response": response, "error": error}

    def cut_short(self, outcome: Outcome) -> Words | None:
        """Why a line has no response at all; None for one that has."""
        batch, end, ending = self.state.batch, self.state.end, outcome.ending
        if outcome.refused:
            return None
        if ending is None or outcome.submission is None:
            return {End.CANCELLED: CANCELLED, End.EXPIRED: EXPIRED}.get(end or End.COMPLETED, GONE)
        if outcome.has_answer:
            return None
        if ending.why is Why.CANCELLED and end is End.CANCELLED:
            return CANCELLED
        at_the_end = outcome.submission.deadline_s >= batch.expires_s
        return EXPIRED if ending.why is Why.DEADLINE and at_the_end else None

    def response(self, outcome: Outcome, run_id: str) -> dict[str, Any]:
        """What a synchronous request would have been answered."""
        status, body = self.answer(outcome, run_id)
        return {"status_code": status, "request_id": f"req_{run_id}", "body": body}

    def answer(self, outcome: Outcome, run_id: str) -> tuple[int, Mapping[str, Any]]:
        """The completion, or the error in its place."""
        if outcome.refused:
            return outcome.refused.status, outcome.refused.body
        assert outcome.submission  # noqa: S101 - or it would have been cut short
        assert outcome.ending  # noqa: S101
        asked = outcome.submission
        record = Record(run_id, int(asked.created_s), Question.of(asked))
        try:
            return 200, completion(outcome_of(self.client, record, outcome.ending))
        except ChorusError as error:
            return meaning_of(error).status, body_of(error)
