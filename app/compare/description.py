"""The endpoints of comparisons, as /openapi.json tells of them."""

from app.jobs.description import ONCE, Operations, body
from app.schemas.compare import compare_schema, job_compare_schema

TABLE = "A comparison: a row for every strategy."


def operations() -> dict[str, Operations]:
    """By path and method: the summary, what comes back, what more is said of the operation."""
    return {
        "/v1/compare": {
            "post": (
                "Sample one pool of traces and play many strategies over it.",
                TABLE,
                {**body(compare_schema()), "parameters": [ONCE]},
            )
        },
        "/v1/jobs/{id}/compare": {
            "post": (
                "Play many strategies over a job's traces, without an upstream call.",
                TABLE,
                body(job_compare_schema()),
            )
        },
    }
