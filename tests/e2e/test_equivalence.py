"""Answers that mean the same are one answer; what cannot be compared costs nobody anything."""

import time
from concurrent.futures import ThreadPoolExecutor

from asking import ask, in_turn, post
from jobs import Jobs
from openai import OpenAI
from scripted_upstream import Call, Reply, ScriptedUpstream, text
from service import Service

HOSTILE = (
    "9^{9^{9}}",
    "10^{10^{10}}",
    "(x+y+z)^{200}",
    "\\binom{1000000}{500000}",
    "2^{2^{2^{2^{2^2}}}}",
    "\\sqrt{" * 150 + "2" + "}" * 150,
    "+".join(f"\\sqrt{{x_{n}}}" for n in range(80)),
    "x^{999999999}*y^{999999999}-(x*y)^{999999998}",
)
WITHIN_S = 6.0


def boxed(*spellings: str) -> list[Reply]:
    return [text(f"\\boxed{{{spelling}}}") for spelling in spellings]


def test_spellings_of_one_value_are_one_answer(client: OpenAI, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(*boxed("2\\sqrt{2}", "\\sqrt{8}", "3", "3", "\\frac{4}{\\sqrt{2}}"))
    body = {"tts_strategy": "self_consistency", "tts_budget": 5}
    found = ask(client, extra_body=body).choices[0].tts_metadata
    best, other = found["answer_distribution"].values()
    assert found["agreement"] == 3 / 5
    assert sorted(best["spellings"]) == ["2\\sqrt{2}", "\\frac{4}{\\sqrt{2}}", "\\sqrt{8}"]
    assert other["spellings"] == ["3"]


def test_a_revote_and_an_extension_know_what_is_the_same(jobs: Jobs, upstream: ScriptedUpstream) -> None:
    upstream.reply = in_turn(*boxed("2\\sqrt{2}", "\\sqrt{8}", "3", "\\frac{4}{\\sqrt{2}}"))
    job = jobs.done(tts_budget=4, tts_strategy="self_consistency")
    again = jobs.post(f"/{job['id']}/revote", tts_strategy="deepconf", tts_filter_method="none").json()
    assert again["choices"][0]["tts_metadata"]["agreement"] == 3 / 4
    upstream.reset()
    upstream.reply = in_turn(*boxed("\\sqrt{8}"))
    more = jobs.ended(jobs.post(f"/{job['id']}/extend", traces=1).json()["id"])
    assert more["result"]["choices"][0]["tts_metadata"]["agreement"] == 4 / 5


def test_hostile_answers_neither_hold_up_their_run_nor_another_one(
    service: Service, upstream: ScriptedUpstream
) -> None:
    def reply(call: Call) -> Reply:
        hostile = call.body["messages"][-1]["content"] == "hostile"
        spellings = HOSTILE if hostile else ("\\sqrt{50}", "5\\sqrt{2}")
        return boxed(*spellings)[call.index % len(spellings)]

    def timed(question: str) -> tuple[float, dict[str, object]]:
        began_s = time.monotonic()
        messages = [{"role": "user", "content": question}]
        body = {"tts_strategy": "self_consistency", "tts_budget": 8, "messages": messages}
        found = post(service.url, **body).json()
        return time.monotonic() - began_s, found["choices"][0]["tts_metadata"]

    upstream.reply = reply
    timed("harmless")
    with ThreadPoolExecutor(4) as pool:
        hostile = [pool.submit(timed, "hostile") for _ in range(2)]
        harmless_s, harmless = timed("harmless")
        ended = [run.result() for run in hostile]
    assert harmless["agreement"] == 1.0
    assert max(harmless_s, *(seconds for seconds, _ in ended)) < WITHIN_S
    assert all("could not be compared" in str(found["warnings"]) for _, found in ended)
