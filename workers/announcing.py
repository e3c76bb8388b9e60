"""What a webhook says of a run that has ended. No prompt, no answer, no text of an upstream's error."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from tts_core.model import Usage, Why
from workers.json_fields import decode, encode
from workers.records import Ending, Submission

MOST_METADATA_BYTES = 16_384
SILENCE = (b"", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is told of a run beside its ending, and to which endpoint: a name, or a URL that was allowed
    when the run was handed in. `metadata` is the client's own."""

    endpoint: str
    model: str
    strategy: str
    source: str
    created_s: float
    metadata: Mapping[str, Any] = field(default_factory=dict)


def notices(submission: Submission) -> dict[str, bytes]:
    """The field of a run that is to be told of; none for others."""
    if not submission.webhook:
        return {}
    metadata = submission.shown.get("metadata") or {}
    notice = Notice(
        endpoint=submission.webhook,
        model=submission.shown.get("model", submission.request.sampling.model),
        strategy=submission.request.strategy,
        source=submission.source.value,
        created_s=submission.created_s,
        metadata=metadata if len(encode(metadata)) <= MOST_METADATA_BYTES else {},
    )
    return {"webhook": encode(notice)}


def announcement(raw: bytes | None, run_id: str, ending: Ending, now_s: float) -> tuple[bytes, str]:
    """The event of a run's ending and the endpoint it is for; two empty ones for a run without."""
    if raw is None:
        return SILENCE
    notice = decode(raw, Notice)
    status = status_of(ending)
    event = {"type": f"job.{status}", "timestamp": iso(now_s), "data": told(notice, run_id, ending, now_s)}
    return encode(event), notice.endpoint


def told(notice: Notice, run_id: str, ending: Ending, now_s: float) -> dict[str, Any]:
    """The job, without what it was asked and what it answered."""
    return {
        "id": run_id,
        "object": "job",
        "status": status_of(ending),
        "source": notice.source,
        "model": notice.model,
        "strategy": notice.strategy,
        "stopped_by": ending.why.value,
        "num_traces": sum(not trace.judge for trace in ending.traces),
        "agreement": ending.vote.agreement if ending.vote else None,
        "usage": spent(ending.usage, ending.cost),
        "error": {"code": ending.fault.code, "param": ending.fault.param} if ending.fault else None,
        "metadata": notice.metadata,
        "created_at": int(notice.created_s),
        "completed_at": int(now_s),
    }


def status_of(ending: Ending) -> str:
    """How the job ended, in the word of the job object."""
    if ending.why is Why.CANCELLED:
        return "cancelled"
    return "failed" if ending.fault else "completed"


def spent(usage: Usage, cost: float | None) -> dict[str, Any]:
    """Tokens, and US dollars where they are known."""
    return {**msgspec.to_builtins(usage), "cost": cost}


def iso(moment_s: float) -> str:
    """A moment (epoch) as ISO 8601 in UTC."""
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
