"""The online method of Deep Think with Confidence (Fu et al. 2025, Alg. 2)."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import numpy as np

from tts_core.confidence import MEASURES, trace_confidence
from tts_core.filtering import keep_all
from tts_core.model import Plan, Request, Strategy, Trace, Until, Vote
from tts_core.stopping import above, agreed
from tts_core.voting import cast_vote

FEWEST_VOTES = 3
WINDOW_SHARE = 0.1
WINDOWS = (64, 2048)
SHORT_SHARE = 0.25
NO_THRESHOLD = "The warm-up came without usable logprobs: no trace was stopped early by its confidence."


def deepconf_online(
    request: Request,
    *,
    budget: int,
    warmup: int,
    eta: float,
    consensus: float,
    confidence: str,
    ahead: bool,
) -> Strategy:
    """Stop weak traces as they are written, and sampling once the vote is clear (Alg. 2)."""
    open_window = request.sampling.window_tokens is None
    sampling = replace(request.sampling, keep_confidences=open_window or request.sampling.keep_confidences)
    rest = budget - warmup
    first = yield Plan((sampling,) * warmup, ahead=(sampling,) * rest if ahead else ())
    traces, window, warnings = regrouped(first.traces, request.sampling.window_tokens)
    threshold = warmup_threshold(traces, eta)
    warnings += threshold_warnings(traces, threshold)
    vote = decide(traces, threshold, confidence)
    decided = agreed(vote, consensus, FEWEST_VOTES)
    if rest and not decided and not first.last:
        guarded = replace(request.sampling, stop_below=threshold, window_tokens=window)
        until = Until(consensus=consensus, confidence=confidence, at_least=threshold, before=traces)
        second = yield Plan((guarded,) * rest, until)
        later = (measured(t, window) if t.token_confidences else t for t in second.traces)
        vote = decide((*traces, *later), threshold, confidence)
    warnings += vote.warnings
    return replace(vote, threshold=threshold, window_tokens=window, decided=decided, warnings=warnings)


def regrouped(
    traces: Sequence[Trace], window: int | None
) -> tuple[tuple[Trace, ...], int, tuple[str, ...]]:
    """The warm-up under the group size of the run, which is chosen here when it is left open."""
    if window is not None:
        return tuple(traces), window, ()
    lengths = [trace.tokens for trace in traces if trace.usable]
    window, warnings = auto_window(median(lengths) if lengths else 0)
    return tuple(measured(trace, window) for trace in traces), window, warnings


def auto_window(length: float) -> tuple[int, tuple[str, ...]]:
    """The group size for traces of this median length (tokens): a tenth of it, from 64 to 2048.

    Below 256 tokens a window of 64 would hardly ever be full; then a quarter of the length.
    """
    lowest, highest = WINDOWS
    if length * SHORT_SHARE >= lowest:
        return min(highest, max(lowest, round(WINDOW_SHARE * length))), ()
    window = max(1, round(SHORT_SHARE * length))
    return window, (f"Traces are short (median {length:g} tokens); groups of {window} tokens were used.",)


def measured(trace: Trace, window: int) -> Trace:
    """The trace's confidence with groups of `window` tokens."""
    return replace(
        trace, confidence=trace_confidence(trace.token_confidences, window), token_confidences=()
    )


def warmup_threshold(traces: Sequence[Trace], eta: float) -> float | None:
    """s: the (100 - eta)th percentile of the warm-up traces' lowest group confidence."""
    lowest = [trace.confidence.lowest_group for trace in traces if trace.usable and trace.confidence]
    return float(np.percentile(lowest, 100 - eta)) if lowest else None


def threshold_warnings(traces: Sequence[Trace], threshold: float | None) -> tuple[str, ...]:
    """What the client should know of the warm-up."""
    if threshold is None:
        return (NO_THRESHOLD,)
    kept = sum(trace.usable and above(trace, threshold) for trace in traces)
    if kept >= FEWEST_VOTES:
        return ()
    return (f"Only {kept} warm-up traces were kept: the consensus stop waits for {FEWEST_VOTES} votes.",)


def decide(traces: Sequence[Trace], threshold: float | None, confidence: str) -> Vote:
    """The vote of the traces that reach the threshold; of all when none of them has an answer."""
    kept = [trace for trace in traces if above(trace, threshold)]
    voters = kept if any(trace.usable and trace.answer for trace in kept) else traces
    return cast_vote(voters, MEASURES[confidence], keep_all, weighted=True)
