"""Classes of answers, whatever the comparison says: a partition that no order of traces changes."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tts_core.answers.equivalence import cluster
from tts_core.answers.shapes import same_meaning

KEYS = [f"math:x+{n}" for n in range(8)] + [f"number:{n}" for n in range(4)] + ["text:a", "letter:B"]
keys = st.lists(st.sampled_from(KEYS), max_size=24)
relations = st.sets(st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS)))


def plain(one: str, other: str) -> bool:
    return one.replace(" ", "").lower() == other.replace(" ", "").lower()


@given(keys, relations, st.randoms(), st.integers(0, 30))
def test_the_order_of_traces_never_changes_classes(
    found: list[str], related: set[tuple[str, str]], random: Random, most: int
) -> None:
    shuffled = sorted(found, key=lambda _: random.random())
    first = cluster(found, lambda a, b: (a, b) in related, most=most)
    assert cluster(shuffled, lambda a, b: (a, b) in related, most=most) == first


@given(keys, relations, keys)
def test_classes_are_a_partition_even_of_what_is_no_equivalence(
    found: list[str], related: set[tuple[str, str]], earlier: list[str]
) -> None:
    leaders = cluster(found, lambda a, b: (a, b) in related, earlier).leaders
    assert not set(leaders) & set(leaders.values())
    assert set(leaders) | set(leaders.values()) <= {*found, *earlier}


@given(keys, relations, keys)
def test_a_leader_of_an_earlier_round_leads_for_ever(
    found: list[str], related: set[tuple[str, str]], earlier: list[str]
) -> None:
    assert not set(cluster(found, lambda a, b: (a, b) in related, earlier).leaders) & set(earlier)


@given(keys)
def test_words_and_letters_are_never_compared(found: list[str]) -> None:
    leaders = cluster(found, lambda _a, _b: True).leaders
    assert all(name.startswith(("math:", "number:")) for pair in leaders.items() for name in pair)


def test_one_direction_is_enough() -> None:
    pair = ["math:x+1", "math:x+2"]
    one_way = {("math:x+2", "math:x+1")}
    assert len(cluster(pair, lambda a, b: (a, b) in one_way).leaders) == 1


def test_the_most_frequent_answer_leads() -> None:
    found = ["math:a+1", "math:b+1", "math:b+1"]
    assert cluster(found, lambda _a, _b: True).leaders == {"math:a+1": "math:b+1"}


def test_beyond_the_most_leaders_answers_are_left_different_and_counted() -> None:
    found = [f"math:x+{n}" for n in range(5)]
    assert cluster(found, lambda _a, _b: False, most=3).skipped == 1


def test_many_different_numbers_are_no_reason_to_warn() -> None:
    assert cluster([f"number:{n}" for n in range(50)], lambda _a, _b: False).skipped == 0


def test_two_numbers_are_never_the_same() -> None:
    assert not same_meaning("number:1/2", "number:50", lambda _a, _b: True)
