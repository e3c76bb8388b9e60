"""The paper's worked cases through the running service: log-probabilities in, votes out."""

import json
from pathlib import Path
from typing import Any

import pytest
from asking import choose
from openai import OpenAI
from scripted_upstream import ScriptedUpstream, choices

CASES = [json.loads(path.read_text()) for path in sorted(Path(__file__).parents[1].glob("golden/*.json"))]
NAMES = {"mean": "mean", "tail": "tail", "bottom": "bottom10", "lowest": "lowest_group"}


@pytest.mark.parametrize("case", [c for c in CASES if c["kind"] == "offline"], ids=lambda c: c["id"])
@pytest.mark.parametrize("name", NAMES)
def test_the_service_votes_as_the_paper(
    client: OpenAI, upstream: ScriptedUpstream, case: dict[str, Any], name: str
) -> None:
    upstream.reply = lambda call: choices(case["choices"])
    told = choose(
        client,
        extra_body={
            "tts_budget": len(case["choices"]),
            "tts_filter_method": "none",
            "tts_confidence": NAMES[name],
            "tts_window_size": case["params"]["window_size"],
            "tts_top_logprobs": case["params"]["top_logprobs"],
        },
    ).tts_metadata
    wanted = case["expected"]["paper"]["voting"][name]
    weights = {answer: found["weight"] for answer, found in told["answer_distribution"].items()}
    assert weights == pytest.approx(wanted["votes"], abs=1e-9)
    assert told["consensus"] == pytest.approx(wanted["beta"], abs=1e-9)
