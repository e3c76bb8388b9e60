"""The servers that Chorus may call, and which model each serves: the table of UPSTREAMS_FILE."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
from msgspec import Meta

from workers.pricing import Price, price_in, rank

AboveZero = Annotated[int, Meta(gt=0)]
Dollars = Annotated[float, Meta(ge=0)]
NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"


class MistakenFile(Exception):
    """The file cannot be used; the message names it, the table and the field."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """When an upstream is left alone: after `failures` in a row within `window_s`, for `pause_s`."""

    failures: int = 5
    window_s: float = 30.0
    pause_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Quota:
    """What all workers together may ask of an upstream; None: as much as they like."""

    concurrency: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


NORMAL = Breaker()
NO_QUOTA = Quota()


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server that Chorus may call. `drops_prefix` is cut off model names; `models` are names and
    beginnings ("vendor/*"), `aliases` what a model is called there, `fallbacks` who is asked instead.
    `xargs`: it has DeepConf's early stop (`eos_token_id`: as a logits processor)."""

    name: str
    base_url: str
    api_key: str = field(repr=False)
    drops_prefix: str = ""
    models: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict, hash=False)
    prices: Mapping[str, Price] = field(default_factory=dict, hash=False)
    quota: Quota = NO_QUOTA
    breaker: Breaker | None = None
    fallbacks: tuple[str, ...] = ()
    xargs: bool = False
    eos_token_id: int | None = None

    def name_of(self, model: str) -> str:
        """What a model is called there."""
        return self.aliases.get(model, model.removeprefix(self.drops_prefix))

    @property
    def is_limited(self) -> bool:
        """Whether a call has to wait for its turn."""
        return self.breaker is not None or self.quota != NO_QUOTA

    @property
    def fixed(self) -> tuple[str, ...]:
        """The models that the file names."""
        return (*self.aliases, *(name for name in self.models if not name.endswith("*")))

    def rank(self, model: str) -> float:
        """How closely it is meant for a model; 0: it is not."""
        return max((rank(pattern, model) for pattern in (*self.aliases, *self.models)), default=0)

    def serves(self, model: str) -> bool:
        """Whether a model may be asked of it; one that names none takes all."""
        return self.rank(model) > 0 or not (self.models or self.aliases)

    def price(self, model: str) -> Price | None:
        """The price of a model, by its name here."""
        return price_in(self.prices, model)


@dataclass(frozen=True, slots=True)
class Upstreams:
    """All that may be called; `default` takes the models that none is meant for."""

    by_name: Mapping[str, Upstream]
    default: Upstream

    def route(self, model: str) -> Upstream:
        """Who is asked for a model: its name before the longest beginning before the default; of two
        that are equally close the first in the file."""
        closest = max(self.by_name.values(), key=lambda upstream: upstream.rank(model))
        return closest if closest.rank(model) else self.default

    def instead_of(self, upstream: Upstream, model: str) -> tuple[Upstream, ...]:
        """Who is asked for a model when an upstream fails, in this order."""
        others = (self.by_name[name] for name in upstream.fallbacks)
        return tuple(other for other in others if other.serves(model))


class PriceRow(msgspec.Struct, forbid_unknown_fields=True):
    """A price in the file."""

    prompt: Dollars
    completion: Dollars
    cached: Dollars | None = None


class Row(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A table of the file."""

    base_url: Annotated[str, Meta(pattern="^https?://[^/]")]
    api_key_env: str = ""
    models: list[Annotated[str, Meta(pattern=r"^[^*]+\*?$|^\*$")]] = []
    drops_prefix: str = ""
    aliases: dict[str, str] = {}
    price: dict[str, PriceRow] = {}
    max_concurrency: AboveZero | None = None
    requests_per_minute: AboveZero | None = None
    tokens_per_minute: AboveZero | None = None
    breaker_failures: Annotated[int, Meta(ge=0)] = NORMAL.failures
    breaker_window_s: Annotated[float, Meta(gt=0)] = NORMAL.window_s
    breaker_pause_s: Annotated[float, Meta(gt=0)] = NORMAL.pause_s
    fallbacks: list[str] = []
    vllm_xargs: bool = False
    eos_token_id: Annotated[int, Meta(ge=0)] | None = None


class File(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    upstreams: Annotated[
        dict[Annotated[str, Meta(pattern=f"^{NAME}$")], dict[str, Any]], Meta(min_length=1)
    ]
    default: str | None = None


@cache
def read_upstreams(path: str, beside: Upstream | None, concurrency: int | None) -> Upstreams:
    """The upstreams of a file, `beside` the environment's own, which the default is unless the file
    names another; `concurrency` is of those that say nothing of it.

    Raises MistakenFile.
    """
    file = converted(toml(path), File, path)
    own = {
        name: upstream_of(name, converted(table, Row, f"{path}: [upstreams.{name}]"), path, concurrency)
        for name, table in file.upstreams.items()
    }
    known = ({beside.name: beside} if beside else {}) | own
    for upstream in own.values():
        check_fallbacks(upstream, known, path)
    default = file.default or next(iter(known))
    if default not in known:
        raise MistakenFile(f"{path}: default: there is no upstream {default!r}")
    return Upstreams(known, known[default])


def toml(path: str) -> dict[str, Any]:
    """The file's content. Raises MistakenFile."""
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise MistakenFile(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MistakenFile(f"{path}: is no TOML: {error}") from error


def converted(found: Any, kind: Any, place: str) -> Any:
    """A table as a record. Raises MistakenFile with the field in msgspec's words."""
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise MistakenFile(f"{place}: {error}") from error


def upstream_of(name: str, row: Row, path: str, concurrency: int | None) -> Upstream:
    """A table as an upstream. Raises MistakenFile."""
    check_url(row.base_url, f"{path}: [upstreams.{name}] base_url")
    limit = row.max_concurrency or concurrency
    breaker = Breaker(row.breaker_failures, row.breaker_window_s, row.breaker_pause_s)
    return Upstream(
        name=name,
        base_url=row.base_url.rstrip("/"),
        api_key=key_in(row.api_key_env, f"{path}: [upstreams.{name}] api_key_env"),
        drops_prefix=row.drops_prefix,
        models=tuple(row.models),
        aliases=row.aliases,
        prices={model: Price(p.prompt, p.completion, p.cached) for model, p in row.price.items()},
        quota=Quota(limit, row.requests_per_minute, row.tokens_per_minute),
        breaker=breaker if row.breaker_failures else None,
        fallbacks=tuple(row.fallbacks),
        xargs=row.vllm_xargs,
        eos_token_id=row.eos_token_id,
    )


def check_url(url: str, place: str) -> None:
    """Raises MistakenFile for what cannot be called, or has a secret in it."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise MistakenFile(f"{place}: is no URL") from error
    if parsed.userinfo or parsed.query or parsed.fragment or not parsed.host:
        raise MistakenFile(f"{place}: give scheme, host and path only; keys go into api_key_env")


def key_in(variable: str, place: str) -> str:
    """The key that an environment variable holds. Raises MistakenFile, without what it holds."""
    if not variable:
        return ""
    key = os.environ.get(variable, "")
    if not key:
        raise MistakenFile(f"{place}: the environment has no {variable}")
    if not (key.isascii() and key.isprintable()):
        raise MistakenFile(f"{place}: the key in {variable} has other than plain ASCII characters")
    return key


def check_fallbacks(upstream: Upstream, known: Mapping[str, Upstream], path: str) -> None:
    """Raises MistakenFile for a fallback that is none."""
    for name in upstream.fallbacks:
        if name not in known or name == upstream.name:
            why = "is the upstream itself" if name == upstream.name else "is no upstream"
            raise MistakenFile(f"{path}: [upstreams.{upstream.name}] fallbacks: {name!r} {why}")
