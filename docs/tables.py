"""The tables of README.md and docs/, written from the code by `make docs` (cog)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from app import configuration
from app.errors import CODES, REFUSED, TABLE
from app.openapi import describe
from app.schemas.options import PREFIX
from tts_core import errors
from tts_core.registry import Checked, Option
from tts_core.strategies import strategies as registered
from workers.settings import Settings

Row = Sequence[object]

HEAD = ("field", "used by", "default", "allowed", "meaning")
MAIN = (
    *("OPENROUTER_API_KEY", "OPENAI_API_KEY", "UPSTREAM_BASE_URL", "UPSTREAM_API_KEY"),
    *("HOST", "PORT", "CHORUS_API_KEYS", "DEFAULT_MODEL", "DEFAULT_STRATEGY"),
    *("DEEPCONF_BUDGET", "DEEPCONF_FILTER_METHOD", "DEEPCONF_TEMPERATURE"),
    *("REDIS_URL", "WORKERS"),
)


def table(head: Row, rows: Iterable[Row]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell(value) for value in line)} |" for line in lines)


def cell(value: object) -> str:
    """A value that cannot break the table."""
    return str(value).replace("|", "\\|").replace("\n", " ")


def code(value: object) -> str:
    """A value as code; nothing for nothing."""
    return f"`{value}`" if value not in ("", None) else ""


def codes(values: Iterable[object]) -> str:
    """Several of them."""
    return ", ".join(map(code, values))


def strategies() -> str:
    """The strategies."""
    head = ("`tts_strategy`", "what it does", "needs of the upstream", "paper")
    return table(head, ((code(s.name), s.summary, codes(s.needs), s.paper) for s in registered().values()))


def strategy(name: str) -> str:
    """One strategy: what it says of itself, and its options."""
    found = registered()[name]
    facts = [found.summary, found.paper and f"Paper: {found.paper}.", needs(found.needs)]
    options = table(HEAD[:1] + HEAD[2:], (option_row(option) for option in found.options.values()))
    return "\n\n".join([" ".join(filter(None, facts)), options if found.options else "No options."])


def needs(words: Sequence[str]) -> str:
    """What the upstream must offer."""
    return f"Needs of the upstream: {codes(words)}." if words else "Works with every upstream."


def option_row(option: Option) -> Row:
    """An option without the strategies that use it."""
    name, _, *rest = field_row(PREFIX + option.name)
    return name, *rest


def options() -> str:
    """All fields that begin with tts_."""
    return table(HEAD, (field_row(name) for name in properties() if name.startswith(PREFIX)))


def parameters() -> str:
    """The checked parameters of OpenAI's own."""
    rows = ((code(n), allowed(n, p)) for n, p in properties().items() if not n.startswith(PREFIX))
    return table(("parameter", "allowed"), rows)


def properties() -> dict[str, Any]:
    """The fields of a request as /openapi.json describes them."""
    schemas = describe(Settings())["components"]["schemas"]
    return dict(schemas["ChatCompletionRequest"]["properties"])


def field_row(name: str) -> Row:
    """One tts_ field."""
    schema = properties()[name]
    users = [s.name for s in registered().values() if name.removeprefix(PREFIX) in s.options]
    default = schema.get("default", "")
    shown = str(default).lower() if isinstance(default, bool) else default
    return code(name), codes(users) or "all", code(shown), allowed(name, schema), meaning(schema)


def meaning(schema: dict[str, Any]) -> str:
    """The description."""
    return str(schema.get("description", "")).removesuffix(".")


def allowed(name: str, schema: dict[str, Any]) -> str:
    """The values a field takes."""
    if rule := syntax(name):
        return rule
    if words := [word for word in schema.get("enum", ()) if word is not None]:
        return codes(words)
    return " ".join(filter(None, (kind(schema), limits(schema))))


def syntax(name: str) -> str:
    """The small language of an option, if it has one."""
    found = (s.options.get(name.removeprefix(PREFIX)) for s in registered().values())
    return next((o.rule.syntax for o in found if o and isinstance(o.rule, Checked)), "")


def kind(schema: dict[str, Any]) -> str:
    """The JSON type without null; of a list with a limit how many there may be of what."""
    told = schema.get("type", [])
    if "maxItems" in schema:
        each = " ".join(filter(None, (kind(schema["items"]), limits(schema["items"]))))
        return f"list of {schema['minItems']} to {schema['maxItems']}: {each}"
    types = [told] if isinstance(told, str) else told
    return " or ".join(word for word in types if word != "null")


def limits(schema: dict[str, Any]) -> str:
    """The range of a number."""
    lowest, highest = schema.get("minimum"), schema.get("maximum")
    if lowest is None:
        return ""
    if highest is None:
        return f"from {lowest:g}" if lowest else "above 0"
    return "of 64 bits" if highest > 2**53 else f"{lowest:g} to {highest:g}"


def settings(*names: str) -> str:
    """Settings of the environment: these, or all."""
    rows = (row for row in configuration.rows(Settings()) if not names or row.name in names)
    return table(("variable", "default", "meaning"), ((code(r.name), code(r.default), r.doc) for r in rows))


def failures() -> str:
    """Every named error and what a client is told."""
    return table(("status", "`type`", "`code`", "when"), failure_rows())


def failure_rows() -> Iterator[Row]:
    """In the order of the module that declares them."""
    for found in vars(errors).values():
        if isinstance(found, type) and issubclass(found, errors.ChorusError) and found.code:
            told = next(TABLE[parent] for parent in found.__mro__ if parent in TABLE)
            when = (found.__doc__ or "").partition("\n")[0]
            yield told.status, code(told.type), code(found.code), when


def refusals() -> str:
    """What an upstream's 4xx becomes."""
    rows = ((status, told.status, code(told.type)) for status, told in REFUSED.items())
    return table(("the upstream answers", "you get", "`type`"), rows)


def own_statuses() -> str:
    """What the routes themselves refuse."""
    return table(("status", "`code`"), ((status, code(word)) for status, word in CODES.items()))
