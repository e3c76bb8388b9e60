"""Which response is meant, and whether this may be done to it."""

from tts_core.errors import InvalidRequest, JobGone, UnknownJob
from workers.client import Client
from workers.jobs import Job
from workers.records import RESPONSE_PREFIX, Source


def find(client: Client, response_id: str, owner: str) -> Job:
    """A response of this owner's that may be asked for again. Raises UnknownJob, JobGone."""
    unknown = UnknownJob(f"There is no response {response_id[:80]!r}.", code="response_not_found")
    if not response_id.startswith(RESPONSE_PREFIX):
        raise unknown
    try:
        job = client.job(response_id.removeprefix(RESPONSE_PREFIX), owner)
    except JobGone as error:
        message = f"The response {response_id!r} was deleted, or its time is over."
        raise JobGone(message, code="response_gone") from error
    except UnknownJob as error:
        raise unknown from error
    if job.submission.source is not Source.RESPONSE or not is_stored(job):
        raise unknown
    return job


def is_stored(job: Job) -> bool:
    """Whether the client wants the response kept."""
    return bool(job.submission.shown["echo"]["store"])


def check_background(job: Job) -> None:
    """Raises InvalidRequest for a response that its client waits for: it cancels by going away."""
    if not job.submission.shown["echo"]["background"]:
        raise InvalidRequest(
            "Only a response that was created with 'background' can be cancelled.", param="response_id"
        )
