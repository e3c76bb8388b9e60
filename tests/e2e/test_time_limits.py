"""How long a run may last: shorter for one that somebody waits for."""

import httpx
from asking import QUESTION
from jobs import KEYS, Jobs
from scripted_upstream import ScriptedUpstream, hang
from service import Service


def test_a_request_ends_at_its_limit_and_a_job_goes_on(
    shared: Service, owners: tuple[Jobs, Jobs], upstream: ScriptedUpstream
) -> None:
    upstream.reply = lambda _call: hang()
    job_id = owners[0].begun(tts_budget=1)
    answer = httpx.post(
        f"{shared.base_url}/chat/completions",
        json={"model": "m", "messages": QUESTION},
        headers={"Authorization": f"Bearer {KEYS[0]}"},
        timeout=30,
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_passed")
    assert owners[0].show(job_id)["status"] == "in_progress"
