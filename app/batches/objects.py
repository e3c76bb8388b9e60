"""OpenAI's batch object."""

from typing import Any

from workers.batch import End, State


def batch_object(state: State) -> dict[str, Any]:
    """OpenAI's batch object; what is not known yet is left out."""
    batch = state.batch
    known = {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": problems_of(state),
        "input_file_id": batch.input_file_id,
        "completion_window": "24h",
        "status": status_of(state),
        "output_file_id": state.files.get("output"),
        "error_file_id": state.files.get("errors"),
        "created_at": int(batch.created_s),
        "expires_at": int(batch.expires_s),
        **{name: int(at_s) for name, at_s in times_of(state).items() if at_s},
        "request_counts": {
            "total": batch.total,
            "completed": state.completed,
            "failed": state.failed,
        },
        "usage": usage_of(state),
    }
    return {name: value for name, value in known.items() if value is not None} | {
        "metadata": batch.metadata
    }


def status_of(state: State) -> str:
    """OpenAI's word for where a batch stands."""
    if state.batch.problems:
        return "failed"
    if state.end:
        return state.end.value
    if state.finalizing:
        return "finalizing"
    return "cancelling" if state.cancelling else "in_progress"


def times_of(state: State) -> dict[str, float | None]:
    """When a batch came where it stands, seconds since the epoch."""
    created_s = state.batch.created_s
    if state.batch.problems:
        return {"failed_at": created_s}
    return {
        "in_progress_at": created_s,
        "finalizing_at": state.finalizing,
        "cancelling_at": state.cancelling,
        **{f"{end.value}_at": state.ended for end in End if end is state.end},
    }


def problems_of(state: State) -> dict[str, Any] | None:
    """Why a batch's input file could not be used."""
    found = [problem._asdict() for problem in state.batch.problems]
    return {"object": "list", "data": found} if found else None


def usage_of(state: State) -> dict[str, Any] | None:
    """What all its lines have cost, once it has ended."""
    spent = state.usage
    if spent is None:
        return None
    return {
        "input_tokens": spent.prompt_tokens,
        "input_tokens_details": {"cached_tokens": spent.cached_tokens},
        "output_tokens": spent.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": spent.reasoning_tokens},
        "total_tokens": spent.total_tokens,
    }
