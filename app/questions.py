"""From a checked body to the domain's Request: defaults, the choice of strategy, what goes upstream."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any

from app.asking import within_allowance
from app.presets import unfold
from app.schemas.options import PREFIX
from tts_core.errors import InvalidRequest, StrategyFault, UnknownStrategy
from tts_core.model import Limits, Request, Sampling
from tts_core.registry import Models, Registered
from tts_core.run import advance
from tts_core.scorers import HTTP
from tts_core.strategies import strategies
from workers.records import Submission
from workers.settings import Settings

OURS = frozenset({"model", "messages", "n", "seed", "stream", "stream_options", "logprobs", "top_logprobs"})
HINT = "Put your final answer within \\boxed{}."
WINDOW_TOKENS = 2048
AUTO = "auto"
SINGLE = "single"
TOP_LOGPROBS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request and how its answer is to be served; `echo` is what a response repeats of its request."""

    request: Request
    model: str
    stream: bool = False
    include_usage: bool = False
    include_traces: bool = False
    keep: bool = False
    progress: bool = False
    top_logprobs: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    echo: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, submission: Submission) -> "Question":
        """The question of a run that was handed in before."""
        return cls(request=submission.request, **submission.shown)

    @property
    def shown(self) -> dict[str, Any]:
        """All but the request, as JSON: what is kept with the run."""
        return {item.name: getattr(self, item.name) for item in fields(self) if item.name != "request"}


def read_question(body: Mapping[str, Any], named: str | None, settings: Settings) -> Question:
    """The question in a body checked by load_chat; `named` is the strategy in the URL.

    Raises InvalidRequest.
    """
    given, (model, suffix) = body, split_model(body["model"], settings)
    body, settings = {**suffix, **given}, within_allowance(settings)
    strategy = find_strategy(named or body.get("tts_strategy", settings.default_strategy))
    options = read_options(body, strategy, settings)
    request = Request(
        sampling=replace(
            read_sampling(body, model, options, settings),
            relay=body.get("stream", False) and strategy.name == SINGLE,
        ),
        strategy=strategy.name,
        options=options,
        limits=read_limits(body, options),
        choices=body.get("n", 1),
        require_logprobs=body.get("tts_require_logprobs", False),
        judge_model=body.get("tts_judge_model"),
        warnings=unused_options(given, strategy),
    )
    check_options(request)
    return Question(
        request=request,
        model=body["model"],
        stream=body.get("stream", False),
        include_usage=bool(body.get("stream_options", {}).get("include_usage")),
        include_traces=body.get("tts_include_traces", False),
        keep=body.get("tts_keep", False),
        progress=body.get("tts_progress", False),
        top_logprobs=body.get("top_logprobs", 0) if body.get("logprobs") else None,
        metadata=body.get("metadata", {}),
    )


def split_model(model: str, settings: Settings) -> tuple[str, Mapping[str, Any]]:
    """`model@strategy`, `model@preset` or a preset by itself as the model that is asked and the fields
    that this stands for; other uses of @ belong to the model's name."""
    asked, preset = unfold(model, settings)
    if preset:
        return asked, preset.fields
    name, at, suffix = model.rpartition("@")
    return (name, {"tts_strategy": suffix}) if at and name and suffix in strategies() else (model, {})


def check_options(request: Request) -> None:
    """Have the strategy look at its options, for some must fit each other. Raises InvalidRequest."""
    # A strategy with a defect fails its own run, which tells it.
    with suppress(StrategyFault):
        advance(request, [])


def models_of(request: Request) -> dict[str, str]:
    """Every model that a request may ask, with the parameter that names it."""
    options = strategies()[request.strategy].options
    named = {
        model: PREFIX + name
        for name, option in options.items()
        if isinstance(option.rule, Models)
        for model in ([request.options[name]] if not option.several else request.options[name] or ())
        if model
    }
    judge = {request.judge_model: "tts_judge_model"} if request.judge_model else {}
    return {**named, **judge, request.sampling.model: "model"}


def find_strategy(name: str) -> Registered:
    """The strategy of this name. Raises UnknownStrategy with the closest one there is."""
    known = strategies()
    if name in known:
        return known[name]
    close = get_close_matches(name, known, 1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise UnknownStrategy(
        f"There is no strategy {name[:80]!r}.{hint} Known: {', '.join(known)}.", param="tts_strategy"
    )


def read_sampling(
    body: Mapping[str, Any], model: str, options: Mapping[str, Any], settings: Settings
) -> Sampling:
    """What every trace is sampled with."""
    return Sampling(
        model=model,
        messages=tuple(hinted(body["messages"]) if body.get("tts_answer_hint") else body["messages"]),
        parameters=read_parameters(body, settings),
        seed=body.get("seed"),
        top_logprobs=read_top_logprobs(body),
        window_tokens=read_window(body, online=options.get("mode") == "online"),
        require_logprobs=body.get("tts_require_logprobs", False),
        answer_format=body.get("tts_answer_format") or default_format(body),
        keep_confidences=body.get("tts_keep_confidences", False),
        keep_logprobs=body.get("logprobs", False),
    )


def read_window(body: Mapping[str, Any], *, online: bool) -> int | None:
    """The group size in tokens; None to choose it after the warm-up, which is the default online."""
    window: int | str = body.get("tts_window_size", AUTO if online else WINDOW_TOKENS)
    if window == AUTO and not online:
        raise InvalidRequest("'auto' goes with tts_mode 'online'.", param="tts_window_size")
    return None if window == AUTO else int(window)


def read_top_logprobs(body: Mapping[str, Any]) -> int:
    """How many alternatives a token is asked for; those that the client wants to see at least."""
    wanted: int = body.get("top_logprobs", 1) if body.get("logprobs") else 0
    return max(wanted, body.get("tts_top_logprobs", TOP_LOGPROBS))


def default_format(body: Mapping[str, Any]) -> str:
    """Answers are JSON when the client asked for JSON."""
    asked = body.get("response_format", {}).get("type")
    return "json" if asked in ("json_object", "json_schema") else "auto"


def read_parameters(body: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """What goes to the upstream as it is, and the defaults it gets."""
    parameters: dict[str, Any] = {"temperature": settings.deepconf_temperature, "top_p": 1.0}
    if "max_completion_tokens" not in body:
        parameters["max_tokens"] = settings.default_max_tokens
    given = {k: v for k, v in body.items() if k not in OURS and not k.startswith(PREFIX)}
    return parameters | given


def hinted(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages with a line that asks for a boxed answer at the end of the last one."""
    *before, last = messages
    content = last.get("content") or ""
    if isinstance(content, list):
        return [*before, {**last, "content": [*content, {"type": "text", "text": HINT}]}]
    return [*before, {**last, "content": f"{content}\n\n{HINT}"}]


def read_options(body: Mapping[str, Any], strategy: Registered, settings: Settings) -> dict[str, Any]:
    """The strategy's own options: the client's, the operator's defaults, the strategy's."""
    defaults = {"budget": settings.deepconf_budget, "filter_method": settings.deepconf_filter_method}
    options = {
        name: body.get(PREFIX + name, defaults.get(name, option.default))
        for name, option in strategy.options.items()
    }
    check_scorer(options.get("scorer"), settings)
    if options.get("budget", 1) > settings.max_budget:
        raise InvalidRequest(
            f"Invalid value for 'tts_budget': Must be from 1 to {settings.max_budget}.", param="tts_budget"
        )
    return options


def check_scorer(word: str | None, settings: Settings) -> None:
    """Refuse an HTTP scorer that the operator does not list. Raises InvalidRequest."""
    name = (word or "").removeprefix(HTTP)
    if word and word.startswith(HTTP) and name not in settings.scorer_urls:
        raise InvalidRequest(
            f"Invalid value for 'tts_scorer': There is no scorer {name[:80]!r} here.", param="tts_scorer"
        )


def read_limits(body: Mapping[str, Any], options: Mapping[str, Any]) -> Limits:
    """What the run may not exceed, and the traces it needs."""
    needed, budget = body.get("tts_min_traces", 1), options.get("budget", 1)
    if needed > budget:
        raise InvalidRequest(
            f"Invalid value for 'tts_min_traces': More than the {budget} traces that are sampled.",
            param="tts_min_traces",
        )
    return Limits(
        deadline_s=body.get("tts_deadline_s"),
        max_total_tokens=body.get("tts_max_total_tokens"),
        min_traces=needed,
    )


def unused_options(body: Mapping[str, Any], strategy: Registered) -> tuple[str, ...]:
    """A word on options that only other strategies know."""
    others = {name for other in strategies().values() for name in other.options} - set(strategy.options)
    return tuple(
        f"{PREFIX}{name} is not used by {strategy.name}."
        for name in sorted(others)
        if PREFIX + name in body
    )
