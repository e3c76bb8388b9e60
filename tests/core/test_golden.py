"""Worked cases of the paper's formulas, from log-probabilities on the wire to the vote."""

import json
from pathlib import Path
from typing import Any

import pytest

from tts_core.confidence import MEASURES
from tts_core.filtering import keep_all
from tts_core.model import Finish, Sampling, Trace
from tts_core.tracing import Chunk, TraceBuilder
from tts_core.voting import cast_vote

CASES = [json.loads(path.read_text()) for path in sorted(Path(__file__).parents[1].glob("golden/*.json"))]
OFFLINE = [case for case in CASES if case["kind"] == "offline"]
NAMES = {"mean": "mean", "tail": "tail", "bottom": "bottom10", "lowest": "lowest_group"}
EXACT = 1e-9


def build(case: dict[str, Any], choice: dict[str, Any]) -> TraceBuilder:
    """The choice read as a stream of one token a chunk."""
    params = case["params"]
    sampling = Sampling(
        model="m",
        messages=(),
        top_logprobs=params["top_logprobs"],
        window_tokens=params["window_size"],
        answer_format="boxed",
    )
    builder = TraceBuilder(sampling)
    for entry in (choice["logprobs"] or {}).get("content") or []:
        builder.add(Chunk(top_logprobs=[[top["logprob"] for top in entry["top_logprobs"] or []]]))
    builder.add(Chunk(text=choice["message"]["content"], finish="stop"))
    return builder


def traces(case: dict[str, Any]) -> list[Trace]:
    """The case's traces."""
    builders = [build(case, choice) for choice in case["choices"]]
    return [
        Trace(index=i, finish=Finish.STOP, answer=b.answer(), confidence=b.confidence())
        for i, b in enumerate(builders)
    ]


@pytest.mark.parametrize("case", OFFLINE, ids=lambda case: case["id"])
def test_token_confidences_are_the_papers(case: dict[str, Any]) -> None:
    expected = case["expected"]["paper"]["traces"]
    for choice, wanted in zip(case["choices"], expected, strict=True):
        assert list(build(case, choice).confidences) == pytest.approx(wanted["token_confs"], abs=EXACT)


@pytest.mark.parametrize("case", OFFLINE, ids=lambda case: case["id"])
@pytest.mark.parametrize("name", NAMES)
def test_trace_confidences_are_the_papers(case: dict[str, Any], name: str) -> None:
    found = [MEASURES[NAMES[name]](trace) for trace in traces(case)]
    wanted = [trace[name] for trace in case["expected"]["paper"]["traces"]]
    assert found == pytest.approx(wanted, abs=EXACT)


@pytest.mark.parametrize("case", OFFLINE, ids=lambda case: case["id"])
@pytest.mark.parametrize("name", [*NAMES, "majority"])
def test_votes_are_the_papers(case: dict[str, Any], name: str) -> None:
    wanted = case["expected"]["paper"]["voting"][name]
    measure = MEASURES[NAMES.get(name, "mean")]
    vote = cast_vote(traces(case), measure, keep_all, weighted=name != "majority")
    assert vote.weighted_answer == wanted["answer"]
    assert {found.answer: found.weight for found in vote.classes} == pytest.approx(
        wanted["votes"], abs=EXACT
    )
    assert vote.consensus == pytest.approx(wanted["beta"], abs=EXACT)
