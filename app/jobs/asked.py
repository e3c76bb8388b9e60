"""What a job was asked, as a request that could be sent again."""

from typing import Any

from app.estimates import options_of
from tts_core.strategies import strategies
from workers.records import Submission


def request_of(asked: Submission) -> dict[str, Any]:
    """The body of a chat completion with everything that is in force, defaults filled in. The options of a
    strategy that is not installed any more are as they were checked."""
    request = asked.request
    strategy = strategies().get(request.strategy)
    options = (
        options_of(request, strategy) if strategy else {f"tts_{k}": v for k, v in request.options.items()}
    )
    told = {
        "seed": request.sampling.seed,
        "logprobs": request.sampling.keep_logprobs or None,
        "top_logprobs": asked.shown.get("top_logprobs") if request.sampling.keep_logprobs else None,
        "tts_keep_confidences": request.sampling.keep_confidences or None,
        "n": request.choices if request.choices > 1 else None,
        "tts_judge_model": request.judge_model,
        **options,
    }
    return {
        "model": asked.shown["model"],
        "messages": list(request.sampling.messages),
        **request.sampling.parameters,
        "tts_strategy": request.strategy,
        **{name: value for name, value in told.items() if value is not None},
    }
