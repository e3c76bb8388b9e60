"""What a client is told of a run while it goes on."""

from collections.abc import Mapping
from typing import Any

import msgspec

from tts_core.mixing import weighted_majority
from tts_core.model import Trace
from workers.records import RunEvent


class Progress:
    """Turns a run's events into words: the `tts` extension of a chunk, and a line for chat UIs."""

    def __init__(self) -> None:
        self.planned = 0
        self.traces: list[Trace] = []

    def read(self, event: RunEvent) -> Mapping[str, Any] | None:
        """The extension for an event; None for one that is not progress."""
        match event.type:
            case "round":
                told = msgspec.json.decode(event.data)
                self.planned += told["traces"]
                return {"type": "round", **told}
            case "threshold":
                return {"type": "threshold", **msgspec.json.decode(event.data)}
            case "trace":
                trace = msgspec.json.decode(event.data, type=Trace)
                if trace.judge:
                    return self.judge(trace)
                self.traces.append(trace)
                return self.trace()
        return None

    def judge(self, last: Trace) -> dict[str, Any]:
        """A judge has spoken."""
        return {
            "type": "judge",
            "index": last.index,
            "finish_reason": last.finish.value,
            "tokens": last.tokens,
        }

    def trace(self) -> dict[str, Any]:
        """The trace that ended last, and how the vote stands."""
        last = self.traces[-1]
        vote = weighted_majority(self.traces)
        return {
            "type": "trace",
            "index": last.index,
            "finish_reason": last.finish.value,
            "stop_reason": last.stop.value if last.stop else None,
            "answer": last.answer.text if last.answer else None,
            "confidence": last.confidence.mean if last.confidence else None,
            "tokens": last.tokens,
            "ended": len(self.traces),
            "planned": self.planned,
            "leader": vote.weighted_answer,
            "agreement": vote.agreement,
        }


def line_of(told: Mapping[str, Any]) -> str:
    """The same for people, where a chat UI shows a model's thinking."""
    match told["type"]:
        case "round":
            judges = f", {told['judge_calls']} judge calls" if told["judge_calls"] else ""
            return f"Round {told['number'] + 1}: {told['traces']} traces{judges}\n"
        case "threshold":
            return f"Traces below a confidence of {told['stop_below']:.2f} are stopped\n"
        case "judge":
            return f"Judge call {told['index'] + 1} ended\n"
    said = told["answer"] or told["stop_reason"] or told["finish_reason"]
    sure = f" (confidence {told['confidence']:.1f})" if told["confidence"] is not None else ""
    return f"Trace {told['ended']} of {told['planned']}: {said}{sure}\n"
