"""The vote."""

from hypothesis import given
from hypothesis import strategies as st

from tts_core.confidence import MEASURES
from tts_core.filtering import keep_all, parse_filter
from tts_core.model import Finish, Trace, Vote
from tts_core.testing import trace


def vote(*traces: Trace, weighted: bool = True, keep: str = "none") -> Vote:
    return cast(traces, weighted=weighted, keep=keep)


def cast(traces: tuple[Trace, ...], *, weighted: bool, keep: str) -> Vote:
    from tts_core.voting import cast_vote

    return cast_vote(traces, MEASURES["mean"], parse_filter(keep), weighted=weighted)


def said(answers: str, *confidences: float | None) -> tuple[Trace, ...]:
    """One trace a letter of `answers`; "-" has no answer."""
    known = confidences or (10.0,) * len(answers)
    return tuple(
        trace(
            f"\\boxed{{{answer}}}" if answer != "-" else "No idea, sorry. I give up here.\nBye.",
            confidence,
            index=i,
        )
        for i, (answer, confidence) in enumerate(zip(answers, known, strict=True))
    )


def test_weights_decide_against_numbers() -> None:
    found = vote(*said("779", 1.0, 1.0, 5.0))
    assert (found.weighted_answer, found.majority_answer) == ("9", "7")


def test_a_majority_counts_heads() -> None:
    assert vote(*said("779", 1.0, 1.0, 5.0), weighted=False).weighted_answer == "7"


def test_equal_weight_goes_to_more_traces() -> None:
    assert vote(*said("977", 6.0, 3.0, 3.0)).weighted_answer == "7"


def test_an_equal_vote_goes_to_the_answer_reached_first() -> None:
    assert vote(*said("9797")).weighted_answer == "9"


def test_a_trace_without_an_answer_never_votes() -> None:
    found = vote(*said("---7"))
    assert (found.weighted_answer, found.voters, found.agreement) == ("7", (3,), 1.0)


def test_without_any_answer_the_most_confident_trace_speaks_and_a_warning_says_so() -> None:
    found = vote(*said("---", 1.0, 3.0, 2.0))
    assert found.winners == (1,)
    assert found.weighted_answer is None
    assert "No trace has an answer" in found.warnings[0]


def test_failed_and_stopped_traces_do_not_vote() -> None:
    failed = trace("\\boxed{9}", 20.0, index=0, finish=Finish.FAILED)
    stopped = trace("\\boxed{9}", 20.0, index=1, finish=Finish.STOPPED)
    assert vote(failed, stopped, trace("\\boxed{7}", 1.0, index=2)).voters == (2,)


def test_nobody_usable_has_no_winner() -> None:
    assert vote(trace("", finish=Finish.FAILED)).winners == ()


def test_the_representative_is_the_most_confident_trace_of_the_best_answer() -> None:
    assert vote(*said("7797", 1.0, 4.0, 3.0, 2.0)).winners == (1, 2)


def test_answers_that_mean_the_same_are_one_class_with_all_spellings() -> None:
    spelt = [trace(f"\\boxed{{{text}}}", index=i) for i, text in enumerate(["1/2", "0.5", r"\frac{1}{2}"])]
    found = vote(*spelt)
    assert found.classes[0].spellings == ("1/2", "0.5", r"\frac{1}{2}")
    assert found.agreement == 1.0


def test_agreement_is_the_winners_share_of_the_voting_traces() -> None:
    assert vote(*said("7779"), keep="top4").agreement == 0.75


def test_confidence_is_the_mean_over_the_voting_traces() -> None:
    assert vote(*said("779", 1.0, 5.0, 3.0), keep="top2").confidence == 4.0


def test_consensus_is_the_winners_share_of_the_weight() -> None:
    assert vote(*said("79", 3.0, 1.0)).consensus == 0.75


def test_unknown_confidences_weigh_nothing_and_a_warning_says_so() -> None:
    found = vote(*said("779", None, None, 5.0))
    assert found.weighted_answer == "9"
    assert "2 of 3 traces" in found.warnings[0]


def test_without_any_confidence_every_trace_weighs_the_same() -> None:
    found = vote(*said("779", None, None, None))
    assert (found.weighted_answer, found.confidence) == ("7", None)
    assert "not weighted" in found.warnings[0]


def test_a_filter_that_keeps_nobody_lets_all_vote_and_a_warning_says_so() -> None:
    found = vote(*said("77", 1.0, 2.0), keep="threshold:20")
    assert found.voters == (0, 1)
    assert "kept no trace" in found.warnings[0]


@given(st.lists(st.tuples(st.sampled_from("123-"), st.floats(0.5, 25)), min_size=1, max_size=30))
def test_support_adds_up(cases: list[tuple[str, float]]) -> None:
    found = vote(*said("".join(answer for answer, _ in cases), *(c for _, c in cases)))
    if found.classes:
        assert abs(sum(c.share for c in found.classes) - 1) < 1e-9
        assert sum(c.votes for c in found.classes) == len(found.voters)
        assert found.classes[0].weight == max(c.weight for c in found.classes)
        assert keep_all([c.weight for c in found.classes])
