"""Jobs belong to the key that they were handed in with."""

import pytest
from jobs import Jobs

Owners = tuple[Jobs, Jobs]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/traces"),
        ("GET", "/events"),
        ("POST", "/cancel"),
        ("POST", "/revote"),
        ("POST", "/extend"),
        ("DELETE", ""),
    ],
)
def test_anothers_job_is_not_found_on_any_route(owners: Owners, method: str, path: str) -> None:
    mine, others = owners
    job_id = mine.done(tts_budget=1)["id"]
    body = {"json": {"traces": 1} if path == "/extend" else {}} if method == "POST" else {}
    answer = others.http.request(method, f"/jobs/{job_id}{path}", **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "job_not_found")
    assert mine.show(job_id)["status"] == "completed"


def test_anothers_deleted_job_is_not_found_either(owners: Owners) -> None:
    mine, others = owners
    job_id = mine.done(tts_budget=1)["id"]
    mine.http.delete(f"/jobs/{job_id}")
    assert (mine.get(f"/{job_id}").status_code, others.get(f"/{job_id}").status_code) == (410, 404)


def test_a_list_has_ones_own_jobs_only(owners: Owners) -> None:
    mine, others = owners
    made, foreign = mine.done(tts_budget=1)["id"], others.done(tts_budget=1)["id"]
    listed = [job["id"] for job in mine.get(limit=100).json()["data"]]
    assert made in listed
    assert foreign not in listed


def test_an_idempotency_key_is_ones_own(owners: Owners) -> None:
    mine, others = owners
    ids = {side.submit(key="shared-word", tts_budget=1).json()["id"] for side in (mine, others)}
    assert len(ids) == 2


def test_without_a_key_there_are_no_jobs(owners: Owners) -> None:
    url = owners[0].http.base_url
    bare = Jobs(str(url).removesuffix("/v1/"))
    assert bare.get().status_code == 401
    bare.stop()
