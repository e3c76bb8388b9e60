"""A run as OpenAI's response object."""

from collections.abc import Mapping
from typing import Any

from app.errors import error_of, meaning_of, public_message
from app.outcomes import Record, outcome_of
from app.questions import Question
from app.render import Outcome, metadata, priced
from app.responses.output import incomplete_reason, output_of
from tts_core.errors import ChorusError, StrategyFault
from tts_core.model import Usage, Why
from workers.client import Client
from workers.jobs import Job
from workers.records import RESPONSE_PREFIX, Ending

IN_PROGRESS = "in_progress"
QUEUED = "queued"


def rendered(client: Client, job: Job) -> dict[str, Any]:
    """The response as it stands. Raises JobGone when the run was deleted meanwhile."""
    if job.ending is None:
        return begun(job, IN_PROGRESS if job.run.plans else QUEUED)
    return ended(client, job, job.ending)


def begun(job: Job, status: str) -> dict[str, Any]:
    """The response before it has an end: nothing in it depends on how far the run is but `status`."""
    record = Record.of(job)
    return {**head(record, status), **repeated(record.question)}


def ended(client: Client, job: Job, ending: Ending) -> dict[str, Any]:
    """The response of a run that has ended, a function of its ending alone."""
    record = Record.of(job)
    known = {**repeated(record.question), "usage": usage(ending.usage, ending.cost)}
    if ending.fault or ending.vote is None:
        return {**head(record, "failed"), **known, **failed(ending)}
    outcome = outcome_of(client, record, ending)
    return {**head(record, "completed"), **known, **answered(outcome)}


def head(record: Record, status: str) -> dict[str, Any]:
    """What every response has, in the order in which people read it."""
    return {
        "id": RESPONSE_PREFIX + record.run_id,
        "object": "response",
        "created_at": record.created,
        "status": status,
        "completed_at": None,
        "error": None,
        "incomplete_details": None,
        "model": record.question.model,
        "output": [],
    }


def failed(ending: Ending) -> dict[str, Any]:
    """What a run without an answer says: why, unless it was stopped on purpose."""
    if ending.why is Why.CANCELLED:
        return {"status": "cancelled"}
    error = error_of(ending.fault) if ending.fault else StrategyFault("The run ended without a vote.")
    return {"error": {"code": code_of(error), "message": public_message(error)}}


def code_of(error: ChorusError) -> str:
    """The closest of the few codes that a response's error may have."""
    status = meaning_of(error).status
    if status == 429:
        return "rate_limit_exceeded"
    return "invalid_prompt" if status < 500 else "server_error"


def answered(outcome: Outcome) -> dict[str, Any]:
    """What a run with an answer says; one that was cancelled keeps what was paid for."""
    found = {"output": output_of(outcome), "tts_metadata": metadata(outcome)}
    if outcome.ending.why is Why.CANCELLED:
        return {**found, "status": "cancelled"}
    if reason := incomplete_reason(outcome):
        return {**found, "status": "incomplete", "incomplete_details": {"reason": reason}}
    return {**found, "completed_at": int(outcome.created + outcome.ending.elapsed_s)}


def repeated(question: Question) -> dict[str, Any]:
    """What the response repeats of its request, the defaults included."""
    echo, parameters = question.echo, question.request.sampling.parameters
    limit = parameters.get("max_completion_tokens", parameters.get("max_tokens"))
    return {
        "background": echo["background"],
        "conversation": None,
        "instructions": echo.get("instructions"),
        "max_output_tokens": limit,
        "max_tool_calls": None,
        "metadata": dict(question.metadata),
        "parallel_tool_calls": echo.get("parallel_tool_calls", True),
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None, **echo.get("reasoning", {})},
        "store": echo["store"],
        "temperature": parameters["temperature"],
        "text": text(echo.get("text", {})),
        "tool_choice": echo["tool_choice"],
        "tools": [tool(found) for found in echo.get("tools", ())],
        "top_logprobs": echo.get("top_logprobs", 0),
        "top_p": parameters["top_p"],
        "truncation": "disabled",
        **({"user": echo["user"]} if "user" in echo else {}),
    }


def text(given: Mapping[str, Any]) -> dict[str, Any]:
    """The form of the answer; plain text unless another was asked for."""
    given = {name: value for name, value in given.items() if value is not None}
    return {"format": {"type": "text"}, **given}


def tool(given: Mapping[str, Any]) -> dict[str, Any]:
    """A tool with the keys that the schema demands."""
    return {"parameters": None, "strict": None, **given}


def usage(spent: Usage, cost: float | None) -> dict[str, Any]:
    """The sum over all upstream calls; nobody tells what was written to caches."""
    return {
        **priced(cost),
        "input_tokens": spent.prompt_tokens,
        "input_tokens_details": {"cached_tokens": spent.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": spent.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": spent.reasoning_tokens},
        "total_tokens": spent.total_tokens,
    }
