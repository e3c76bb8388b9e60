"""What a webhook says of a run or a batch that has ended: no prompt, no answer, no text of an error."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from tts_core.model import Finish, Usage, Why
from workers.batch import Batch
from workers.json_fields import decode, encode
from workers.records import RESPONSE_PREFIX, Ending, Source, Submission

MOST_METADATA_BYTES = 16_384
CUT = (Finish.LENGTH, Finish.CONTENT_FILTER, Finish.STOPPED)
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
    data = told(notice, run_id, ending, now_s)
    return event_of(run_id, f"{data['object']}.{data['status']}", data, now_s), notice.endpoint


def event_of(named: str, kind: str, data: Mapping[str, Any], now_s: float) -> bytes:
    """An event in OpenAI's shape, which is also that of Standard Webhooks."""
    event = {"id": f"evt_{named}", "object": "event", "created_at": int(now_s)}
    return encode({**event, "type": kind, "timestamp": iso(now_s), "data": data})


def told(notice: Notice, run_id: str, ending: Ending, now_s: float) -> dict[str, Any]:
    """The job or response, without what it was asked and what it answered."""
    is_response = notice.source == Source.RESPONSE
    return {
        "id": RESPONSE_PREFIX + run_id if is_response else run_id,
        "object": "response" if is_response else "job",
        "status": response_status_of(ending) if is_response else status_of(ending),
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


def response_status_of(ending: Ending) -> str:
    """The same in the word of the response object: one whose winner was cut off is incomplete."""
    if ending.why is Why.CANCELLED:
        return "cancelled"
    if ending.fault or ending.vote is None:
        return "failed"
    winner = ending.vote.winners[0]
    is_cut = any(trace.index == winner and trace.finish in CUT for trace in ending.traces)
    return "incomplete" if is_cut else "completed"


def batch_announcement(batch: Batch, status: str, now_s: float, **more: Any) -> bytes:
    """The event of a batch's ending."""
    data = {
        "id": batch.id,
        "object": "batch",
        "status": status,
        "endpoint": batch.endpoint,
        "input_file_id": batch.input_file_id,
        **more,
        "metadata": batch.metadata,
        "created_at": int(batch.created_s),
    }
    return event_of(batch.id, f"batch.{status}", data, now_s)


def spent(usage: Usage, cost: float | None) -> dict[str, Any]:
    """Tokens, and US dollars where they are known."""
    return {**msgspec.to_builtins(usage), "cost": cost}


def iso(moment_s: float) -> str:
    """A moment (epoch) as ISO 8601 in UTC."""
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
