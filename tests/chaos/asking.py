"""Questions asked in the background, through the official SDK."""

import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

import httpx
from openai import OpenAI


@dataclass(frozen=True, slots=True)
class Answered:
    """A completion and when it came (monotonic)."""

    completion: Any
    at_s: float

    @property
    def told(self) -> Any:
        """Its tts_metadata."""
        return self.completion.choices[0].tts_metadata

    @property
    def run_id(self) -> str:
        """The run that gave it."""
        return str(self.told["job_id"])

    @property
    def warnings(self) -> str:
        """All its warnings."""
        return " ".join(self.told["warnings"])


class Asking:
    """Asks from threads of its own."""

    def __init__(self, base_url: str, threads: Executor) -> None:
        self.client = OpenAI(base_url=base_url, api_key="any", max_retries=0, timeout=100)
        self.threads = threads

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def ask(self, question: str, *, retries: int = 0, **options: Any) -> Future[Answered]:
        """Ask with seed 0, so that the upstream sees which trace is calling."""
        return self.threads.submit(self.answered, question, retries, options)

    def submit(self, question: str, **options: Any) -> str:
        """Hand in a job; its id. Raises httpx.HTTPStatusError."""
        body = {"model": "m", "messages": [{"role": "user", "content": question}], "seed": 0, **options}
        response = httpx.post(f"{self.client.base_url}jobs", json=body, timeout=30)
        response.raise_for_status()
        return str(response.json()["id"])

    def job(self, job_id: str) -> Any:
        """A job as it stands. Raises httpx.HTTPStatusError."""
        response = httpx.get(f"{self.client.base_url}jobs/{job_id}", timeout=30)
        response.raise_for_status()
        return response.json()

    def cancel(self, job_id: str) -> Any:
        """Cancel a job. Raises httpx.HTTPStatusError."""
        response = httpx.post(f"{self.client.base_url}jobs/{job_id}/cancel", timeout=30)
        response.raise_for_status()
        return response.json()

    def ended(self, job_id: str) -> Any:
        """A job once it has ended, before that None. Raises httpx.HTTPStatusError."""
        job = self.job(job_id)
        return job if job["status"] not in ("queued", "in_progress") else None

    def answered(self, question: str, retries: int, options: dict[str, Any]) -> Answered:
        """Ask and wait. Raises openai.APIError."""
        completion = self.client.with_options(max_retries=retries).chat.completions.create(
            model="m", messages=[{"role": "user", "content": question}], seed=0, extra_body=options
        )
        return Answered(completion, time.monotonic())


def questions(*names: str) -> Iterator[str]:
    """A question for each name that nobody has asked before."""
    return (f"{name} {uuid4().hex[:8]}" for name in names)
