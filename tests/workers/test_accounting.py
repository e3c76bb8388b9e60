"""What is counted for calls that the upstream gave no account of."""

from tts_core.model import Finish, Sampling, Trace, Usage
from workers.accounting import total_usage
from workers.records import Carried, StoredPlan


def told(index: int, prompt: int, model: str = "a", *, judge: bool = False) -> Trace:
    """A call with an account of its prompt."""
    usage = Usage(prompt_tokens=prompt, total_tokens=prompt)
    return Trace(index=index, finish=Finish.STOP, usage=usage, model=model, judge=judge)


def blind(index: int, model: str = "a", *, judge: bool = False) -> Trace:
    """A call without one."""
    return Trace(index=index, finish=Finish.STOPPED, unreported=5, blind=1, model=model, judge=judge)


def rounds(*sizes: int) -> list[StoredPlan]:
    """The plans of rounds of so many traces."""
    sampling = Sampling(model="a", messages=())
    return [StoredPlan.of([sampling] * size, sum(sizes[:place])) for place, size in enumerate(sizes)]


def test_a_prompt_is_as_long_as_for_others_of_its_model() -> None:
    traces = [told(0, 10, "a"), told(1, 12, "b"), told(2, 12, "b"), blind(3, "a")]
    assert total_usage(traces, plans=rounds(4)).prompt_tokens == 10 + 12 + 12 + 10


def test_a_prompt_is_as_long_as_for_others_of_its_round() -> None:
    traces = [told(0, 10), told(1, 10), told(2, 90), blind(3)]
    assert total_usage(traces, plans=rounds(2, 2)).prompt_tokens == 10 + 10 + 90 + 90


def test_without_such_a_call_it_is_as_long_as_in_other_rounds_and_models() -> None:
    traces = [told(0, 10), blind(1, "b")]
    assert total_usage(traces, plans=rounds(1, 1)).prompt_tokens == 20


def test_a_judge_tells_nothing_of_the_question() -> None:
    traces = [told(0, 90, judge=True), blind(1), told(2, 10)]
    assert total_usage(traces, plans=rounds(3)).prompt_tokens == 90 + 10 + 10


def test_what_was_handed_back_is_counted_as_a_trace_of_the_question() -> None:
    unkept = [Carried(unreported=5, blind=2, attempts=2)]
    assert total_usage([told(0, 10), told(1, 90, judge=True)], unkept).prompt_tokens == 100 + 2 * 10
