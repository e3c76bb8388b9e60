"""Which strategies are to be compared, what they ask, and what is sampled for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.jobs.revoting import question_of
from app.presets import presets
from app.questions import Question, find_strategy, read_question, split_model
from app.schemas.options import PREFIX
from tts_core.errors import ChorusError, InvalidRequest
from tts_core.extending import asks_the_same
from tts_core.model import Request, Sampling, Trace
from tts_core.pooling import check_replayable, not_replayable
from tts_core.strategies import strategies
from workers.client import Client
from workers.jobs import Job
from workers.settings import Settings

Body = Mapping[str, Any]
STRATEGY, BUDGET, WINDOW, FEWEST = "tts_strategy", "tts_budget", "tts_window_size", "tts_min_traces"
POOLED = "self_consistency"


@dataclass(frozen=True, slots=True)
class Row:
    """A strategy as it was asked for, and the request that it plays; or why it cannot."""

    strategy: str
    request: Request | None = None
    error: ChorusError | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The question whose traces make the pool, and the rows that are played over it."""

    pool: Question
    rows: tuple[Row, ...]


def read_comparison(body: Body, entries: Sequence[Body], settings: Settings) -> Comparison:
    """The comparison in a body checked by load_chat. Raises InvalidRequest, also when no row could be
    filled."""
    check_body(body)
    model, suffix = split_model(body["model"], settings)
    shared = {**{k: v for k, v in suffix.items() if k != STRATEGY}, **body, "model": model}
    asked = [fields_of(entry, settings) for entry in entries]
    wanted = [read_row(shared, fields, place, settings) for place, fields in enumerate(asked)]
    budget = shared.get(BUDGET) or max(request.options.get("budget", 1) for request in wanted)
    shared[BUDGET] = budget
    requests = [read_row(shared, fields, place, settings) for place, fields in enumerate(asked)]
    pool = replace(pool_question(shared, settings), model=body["model"])
    names = [entry["strategy"] for entry in entries]
    asking = pool.request.sampling
    rows = [row_of(name, request, asking) for name, request in zip(names, requests, strict=True)]
    refuse_hopeless(rows)
    return Comparison(pool, tuple(rows))


def check_body(body: Body) -> None:
    """Refuse what a comparison has no use for. Raises InvalidRequest."""
    if body.get("stream"):
        raise InvalidRequest("A comparison is one table: it cannot be streamed.", param="stream")
    if STRATEGY in body:
        raise InvalidRequest("Name what is to be compared in 'strategies'.", param=STRATEGY)


def fields_of(entry: Body, settings: Settings) -> dict[str, Any]:
    """An entry as fields of a body; a preset is unfolded."""
    own = {name: value for name, value in entry.items() if name != "strategy"}
    if preset := presets(settings).get(entry["strategy"]):
        return {STRATEGY: settings.default_strategy, **preset.fields, **own}
    return {STRATEGY: entry["strategy"], **own}


def read_row(shared: Body, fields: Body, place: int, settings: Settings) -> Request:
    """A row's request: its own fields, and what it knows of the shared ones. Raises InvalidRequest naming
    the place."""
    try:
        body = {**known_to(fields[STRATEGY], shared), **fields}
        return read_question(body, None, settings).request
    except InvalidRequest as error:
        raise placed(error, fields, place) from error


def known_to(strategy: str, shared: Body) -> dict[str, Any]:
    """The shared fields without the options of other strategies. Raises UnknownStrategy."""
    own = find_strategy(strategy).options
    others = {PREFIX + name for other in strategies().values() for name in other.options if name not in own}
    return {name: value for name, value in shared.items() if name not in others}


def placed(error: InvalidRequest, fields: Body, place: int) -> InvalidRequest:
    """The error with the place of the entry that it is in, if it is in one."""
    if error.param not in fields:
        return error
    name = "strategy" if error.param == STRATEGY else error.param
    return type(error)(error.message, param=f"strategies[{place}].{name}", code=error.code)


def row_of(strategy: str, request: Request, asking: Sampling) -> Row:
    """The row, refused already when it asks the model something else than `asking`, or further
    questions."""
    try:
        if not asks_the_same(request.sampling, asking):
            raise not_replayable(request)
        check_replayable(request)
    except InvalidRequest as error:
        return Row(strategy, error=error)
    return Row(strategy, request)


def refuse_hopeless(rows: Sequence[Row]) -> None:
    """Refuse a comparison of which no row could be filled. Raises InvalidRequest."""
    errors = [row.error for row in rows if row.error]
    if len(errors) == len(rows):
        raise InvalidRequest(
            f"None of the strategies can be compared: {errors[0].message}",
            param="strategies",
            code=errors[0].code,
        )


def pool_question(shared: Body, settings: Settings) -> Question:
    """What is sampled: the whole budget under a plain vote, every token's confidence kept, so that each
    strategy can choose its group size."""
    left_to_rows = {FEWEST, WINDOW}
    body = {k: v for k, v in known_to(POOLED, shared).items() if k not in left_to_rows}
    question = read_question({**body, STRATEGY: POOLED}, None, settings)
    sampling = replace(question.request.sampling, keep_confidences=True)
    return replace(question, request=replace(question.request, sampling=sampling))


def rows_over(
    client: Client, job: Job, body: Body, entries: Sequence[Body], pool: list[Trace]
) -> list[Row]:
    """Rows over a job that was not made for them; what is left out is as it was in the job. Raises
    InvalidRequest, also when no row could be filled."""
    rows = [job_row(client, job, body, entry, place, pool) for place, entry in enumerate(entries)]
    refuse_hopeless(rows)
    return rows


def job_row(client: Client, job: Job, body: Body, entry: Body, place: int, pool: list[Trace]) -> Row:
    """One of them. A group size that the job's traces cannot be measured by is the row's error."""
    fields = fields_of(entry, client.settings)
    try:
        asked = {**window_of(job, fields), **known_to(fields[STRATEGY], body), **fields}
        request = question_of(client, job, asked, pool).request
        return row_of(entry["strategy"], request, job.submission.request.sampling)
    except InvalidRequest as error:
        if error.param == WINDOW:
            return Row(entry["strategy"], error=error)
        raise placed(error, fields, place) from error


def window_of(job: Job, fields: Body) -> dict[str, Any]:
    """Over a pool that was sampled for comparing, online strategies choose their group size as ever."""
    kept = job.submission.request.sampling.keep_confidences
    return {WINDOW: "auto"} if kept and fields.get("tts_mode") == "online" else {}
