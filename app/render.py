"""From a run's ending to OpenAI's objects."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from app.errors import error_of, public_message
from app.questions import Question
from tts_core.model import Finish, Trace, Usage, Vote
from workers.records import Ending, Text


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that has an answer: `texts` holds the traces that are to be shown, by index; `notes` are
    further words for `tts_metadata`."""

    run_id: str
    created: int
    question: Question
    ending: Ending
    vote: Vote
    texts: Mapping[int, Text]
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def winners(self) -> list[int]:
        """The traces that become choices, best first."""
        return winners_of(self.question, self.vote)


def winners_of(question: Question, vote: Vote) -> list[int]:
    """The representatives of the `n` best-supported answers."""
    return list(vote.winners[: question.request.choices])


def shown(question: Question, ending: Ending, vote: Vote) -> list[int]:
    """The traces whose texts are wanted."""
    all_traces = [trace.index for trace in ending.traces] if question.include_traces else []
    return list(dict.fromkeys(winners_of(question, vote) + all_traces))


def completion(outcome: Outcome) -> dict[str, Any]:
    """A `chat.completion`."""
    return {
        "id": f"chatcmpl-{outcome.run_id}",
        "object": "chat.completion",
        "created": outcome.created,
        "model": outcome.question.model,
        "choices": [choice(outcome, place, index) for place, index in enumerate(outcome.winners)],
        "usage": usage(outcome.ending.usage, outcome.ending.cost),
    }


def choice(outcome: Outcome, place: int, index: int) -> dict[str, Any]:
    """One choice; `logprobs` and `refusal` are there even when null, as the schema demands."""
    text = outcome.texts[index]
    return {
        "index": place,
        "message": dict(text.message),
        "finish_reason": finish_reason(text),
        "logprobs": trimmed(text.logprobs, outcome.question),
        "tts_metadata": metadata(outcome),
    }


def finish_reason(text: Text) -> str:
    """The trace's own reason; one that was stopped has reached a limit of length."""
    own = (Finish.STOPPED.value, Finish.FAILED.value, None)
    return "length" if text.finish in own else str(text.finish)


def trimmed(logprobs: Mapping[str, Any] | None, question: Question) -> dict[str, Any] | None:
    """Log-probabilities with as many alternatives as the client asked for."""
    if question.top_logprobs is None or not logprobs:
        return None
    kept = [
        {**entry, "top_logprobs": (entry.get("top_logprobs") or [])[: question.top_logprobs]}
        for entry in logprobs["content"]
    ]
    return {**logprobs, "content": kept}


def usage(spent: Usage, cost: float | None = None) -> dict[str, Any]:
    """OpenAI's usage: the sum over all upstream calls; `cost` in US dollars where it is known."""
    return {
        **priced(cost),
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "total_tokens": spent.total_tokens,
        "prompt_tokens_details": {"cached_tokens": spent.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": spent.reasoning_tokens},
    }


def priced(cost: float | None) -> dict[str, float]:
    """What was paid, in US dollars, where prices are known."""
    return {} if cost is None else {"cost": cost}


def metadata(outcome: Outcome) -> dict[str, Any]:
    """`tts_metadata`: how the traces voted and what became of them. Nothing is rounded."""
    ending, vote, request = outcome.ending, outcome.vote, outcome.question.request
    counted: dict[str, Any] = {
        "strategy": request.strategy,
        "mode": request.options.get("mode"),
        "job_id": outcome.run_id,
        "num_traces": sum(not trace.judge for trace in ending.traces),
        "confidence": vote.confidence,
        "agreement": vote.agreement,
        "answer": vote.weighted_answer,
        "answer_distribution": distribution(vote),
        "majority_answer": vote.majority_answer,
        "weighted_answer": vote.weighted_answer,
        "traces_used": len(vote.voters),
        "traces_failed": count(ending, Finish.FAILED),
        "traces_stopped_early": count(ending, Finish.STOPPED),
        "threshold": vote.threshold,
        "window_tokens": vote.window_tokens or request.sampling.window_tokens,
        "consensus": vote.consensus,
        "tokens": {
            "prompt": ending.usage.prompt_tokens,
            "completion": ending.usage.completion_tokens,
            "saved": ending.saved_tokens,
            "saved_is_estimate": True,
        },
        "rounds": ending.rounds,
        "stopped_by": ending.why.value,
        "elapsed_s": ending.elapsed_s,
        "upstream_s": ending.upstream_s,
        "warnings": [*ending.warnings, *vote.warnings],
    }
    if judges := [trace for trace in ending.traces if trace.judge]:
        counted["judge_calls"] = judged(judges)
    if outcome.question.include_traces:
        counted["traces"] = [trace_of(trace, outcome) for trace in ending.traces]
    return {**counted, **outcome.notes}


def distribution(vote: Vote) -> dict[str, Any]:
    """The answer classes, best first, by the spelling of their most confident trace."""
    return {
        found.answer: {
            "votes": found.votes,
            "weight": found.weight,
            "share": found.share,
            "spellings": list(found.spellings),
        }
        for found in vote.classes
    }


def count(ending: Ending, finish: Finish) -> int:
    """How many traces ended this way."""
    return sum(trace.finish is finish for trace in ending.traces if not trace.judge)


def judged(calls: Sequence[Trace]) -> dict[str, int]:
    """What judging took; its tokens are in the usage, too."""
    return {
        "calls": len(calls),
        "failed": sum(call.finish is Finish.FAILED for call in calls),
        "tokens": sum(call.usage.total_tokens for call in calls),
    }


def trace_of(trace: Trace, outcome: Outcome) -> dict[str, Any]:
    """A trace for `tts_include_traces`."""
    text = outcome.texts.get(trace.index)
    return {
        "index": trace.index,
        "text": text.message.get("content") if text else None,
        "voted": trace.index in outcome.vote.voters,
        **trace_facts(trace),
    }


def trace_facts(trace: Trace) -> dict[str, Any]:
    """What is known of a trace by itself."""
    return {
        "answer": trace.answer.text if trace.answer else None,
        "confidence": asdict(trace.confidence) if trace.confidence else None,
        "finish_reason": trace.finish.value,
        "stop_reason": trace.stop.value if trace.stop else None,
        "tokens": trace.tokens,
        "usage": usage(trace.usage, trace.cost),
        "attempts": trace.attempts,
        "model": trace.model,
        "upstream": trace.upstream,
        "judge": trace.judge,
        "error": public_message(error_of(trace.fault)) if trace.fault else None,
        "first_token_s": trace.first_token_s,
        "elapsed_s": trace.elapsed_s,
    }
