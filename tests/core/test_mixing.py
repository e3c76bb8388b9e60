"""Where several models answer, their confidences are not compared."""

from dataclasses import replace

from tts_core.mixing import are_mixed, majority, weighted_majority
from tts_core.testing import trace


def test_the_most_confident_trace_represents_an_answer_of_one_model() -> None:
    traces = [trace("\\boxed{7}", 1.0, index=0), trace("\\boxed{7}", 9.0, index=1)]
    assert majority(traces).winners == (1,)


def test_the_first_trace_represents_an_answer_of_several_models() -> None:
    traces = [trace("\\boxed{7}", 1.0, model="a"), trace("\\boxed{7}", 9.0, index=1, model="b")]
    vote = majority(traces)
    assert (vote.winners, vote.confidence) == ((0,), None)


def test_confidence_outweighs_no_trace_of_another_model() -> None:
    traces = [
        trace("\\boxed{7}", 1.0, model="a"),
        trace("\\boxed{7}", 1.0, index=1, model="a"),
        trace("\\boxed{8}", 99.0, index=2, model="b"),
    ]
    assert weighted_majority(traces).weighted_answer == "7"
    assert weighted_majority([replace(one, model="a") for one in traces]).weighted_answer == "8"


def test_without_answers_of_several_models_the_first_is_taken_and_that_is_said() -> None:
    traces = [trace("", 1.0, answer=None, model="a"), trace("", 9.0, index=1, answer=None, model="b")]
    vote = majority(traces)
    assert vote.winners == (0,)
    assert "the first one was taken" in vote.warnings[0]


def test_a_judge_of_another_model_mixes_nothing() -> None:
    assert not are_mixed([trace("\\boxed{7}", model="a"), trace("7", model="b", judge=True)])
