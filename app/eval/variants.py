"""Strategies as they are named for an evaluation: `deepconf:mode=online,eta=10`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from marshmallow import ValidationError

from app.eval.storage import Asked
from app.questions import WINDOW_TOKENS, find_strategy
from app.schemas.options import PREFIX, field_of
from tts_core.errors import ChorusError, InvalidRequest
from tts_core.model import Request, Sampling
from tts_core.pooling import check_replayable
from tts_core.strategies import strategies

ALL = "all"
BUDGET, WINDOW = "budget", "window_size"
FURTHER = (
    "deepconf:filter_method=top50%",
    "deepconf:mode=online",
    "deepconf:mode=online,eta=10",
    "best_of_n:scorer=mean",
    "best_of_n:scorer=self_certainty",
)
FURTHER_QUESTIONS = (
    "They ask the model further questions, which stored traces cannot answer; `chorus eval --live` runs "
    "them for real."
)
MESSAGE = {"role": "user", "content": "?"}


@dataclass(frozen=True, slots=True)
class Variant:
    """A strategy with options of its own; `name` is how it was asked for."""

    name: str
    strategy: str
    options: Mapping[str, Any] = field(default_factory=dict)
    window_tokens: int | None = WINDOW_TOKENS

    @property
    def has_budget(self) -> bool:
        """Whether its result depends on the budget."""
        return BUDGET in strategies()[self.strategy].options

    @property
    def is_online(self) -> bool:
        """Whether its group size follows from its warm-up, unless one is given."""
        return self.options.get("mode") == "online"

    @property
    def measures_anew(self) -> bool:
        """Whether it looks at every token's confidence, and not at those of whole traces alone."""
        return self.is_online or self.window_tokens != WINDOW_TOKENS

    def request(self, budget: int, asked: Asked) -> Request:
        """What it plays over a pool."""
        known = strategies()[self.strategy].options
        options = {name: option.default for name, option in known.items()} | dict(self.options)
        sampling = Sampling(
            model=asked.model,
            messages=(MESSAGE,),
            window_tokens=self.window_tokens,
            keep_confidences=self.measures_anew,
        )
        own = {BUDGET: budget} if self.has_budget else {}
        return Request(sampling=sampling, strategy=self.strategy, options={**options, **own})

    @property
    def fields(self) -> dict[str, Any]:
        """The same as fields of a request's body."""
        window = {} if self.window_tokens in (WINDOW_TOKENS, None) else {WINDOW: self.window_tokens}
        named = {PREFIX + name: value for name, value in {**self.options, **window}.items()}
        return {"tts_strategy": self.strategy, **named}


def read_variants(words: str) -> list[Variant]:
    """The variants in `a,b:option=value,option=value,c`, or all there are; a name twice counts once.
    Raises InvalidRequest."""
    names = list(named_all()) if words.strip() == ALL else split(words)
    return [read_variant(name) for name in dict.fromkeys(names)]


def split(words: str) -> list[str]:
    """The variants of a list: a part with `=` and without `:` is one more option of the one before.
    Raises InvalidRequest."""
    found: list[str] = []
    for part in filter(None, (word.strip() for word in words.split(","))):
        if "=" in part and ":" not in part and found:
            found[-1] += f",{part}"
        else:
            found.append(part)
    if not found:
        raise InvalidRequest("No strategy is named.", param="strategies")
    return found


def named_all() -> Iterator[str]:
    """Every strategy that is installed, and ways to use them that differ much from the default."""
    for name in strategies():
        yield name
        yield from (further for further in FURTHER if further.partition(":")[0] == name)


def read_variant(name: str) -> Variant:
    """One of them. Raises InvalidRequest."""
    strategy, _, options = name.partition(":")
    known = find_strategy(strategy).options
    given = dict(assigned(name, word) for word in filter(None, options.split(",")))
    window = given.pop(WINDOW, None)
    for option in given:
        if option not in known or option == BUDGET:
            close = get_close_matches(option, known, 1)
            hint = (
                f" Did you mean {close[0]!r}?"
                if close
                else " Budgets come from --budgets." * (option == BUDGET)
            )
            raise InvalidRequest(f"{name}: {strategy} has no option {option!r} here.{hint}")
    try:
        read = {option: field_of(known[option]).deserialize(value) for option, value in given.items()}
    except ValidationError as error:
        raise InvalidRequest(f"{name}: {' '.join(map(str, error.messages))}") from error
    return Variant(name, strategy, read, window_of(name, window, online=read.get("mode") == "online"))


def assigned(name: str, word: str) -> tuple[str, Any]:
    """`option=value`; a value that is JSON is read as such. Raises InvalidRequest."""
    option, equals, value = word.partition("=")
    if not equals:
        raise InvalidRequest(f"{name}: {word!r} is not OPTION=VALUE.")
    try:
        return option.removeprefix(PREFIX), json.loads(value)
    except ValueError:
        return option.removeprefix(PREFIX), value


def window_of(name: str, given: Any, *, online: bool) -> int | None:
    """The group size (tokens); None: chosen after the warm-up. Raises InvalidRequest."""
    if given is None:
        return None if online else WINDOW_TOKENS
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise InvalidRequest(f"{name}: {WINDOW} is a number of tokens.")
    return given


def unplayable(variant: Variant, budgets: list[int], asked: Asked) -> str:
    """Why stored traces cannot tell what it would do; "" when they can."""
    try:
        for budget in budgets:
            check_replayable(variant.request(budget, asked))
    except InvalidRequest as error:
        return FURTHER_QUESTIONS if error.code == "strategy_not_replayable" else error.message
    except ChorusError as error:
        return error.message
    return ""
