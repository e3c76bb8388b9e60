"""From an uploaded file to a batch: every line is checked before anything is paid.

What makes the file useless (a line that is no JSON, a name given twice, another endpoint) fails the
whole batch. What is wrong with one request is that line's own error.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import msgspec

from app.capabilities import HARD
from app.errors import body_of, meaning_of
from app.permits import check_permitted
from app.questions import find_strategy, models_of, read_question
from app.routes.chat import MOST_NESTED, nested_deeper
from app.schemas.chat import load_chat
from tts_core.errors import ChorusError, InvalidRequest, UnknownStrategy
from tts_core.model import Request
from workers.batch import Entry, Line, Problem, Refused, packed
from workers.settings import Settings

ENDPOINT = re.compile(r"/v1(?:/([^/]+))?/chat/completions")
MOST_LINES = 50_000
MOST_PROBLEMS = 100
LONGEST_ID = 512
NEEDED: Mapping[str, type] = {"custom_id": str, "method": str, "url": str, "body": dict}
MOST_PROBED = 4

CheckModel = Callable[[str, str], None]
CheckNeeds = Callable[[Request, bool], None]


def strategy_in(endpoint: str) -> str | None:
    """The strategy that an endpoint names. Raises InvalidRequest for one that no batch can have."""
    found = ENDPOINT.fullmatch(endpoint)
    if found is None:
        raise InvalidRequest(
            "Invalid value for 'endpoint': Must be '/v1/chat/completions' or "
            "'/v1/{strategy}/chat/completions'.",
            param="endpoint",
        )
    name: str | None = found[1]
    if name is not None:
        try:
            find_strategy(name)
        except UnknownStrategy as error:
            raise UnknownStrategy(error.message, param="endpoint") from error
    return name


class Reader:
    """Reads the lines of one input file. `check_model` takes a model and the parameter that names
    it, and raises UnknownModel. `check_needs` takes a request and whether its model may be probed, and
    raises InvalidRequest."""

    def __init__(
        self,
        settings: Settings,
        endpoint: str,
        check_model: CheckModel,
        check_needs: CheckNeeds = lambda _, __: None,
    ) -> None:
        self.settings = settings
        self.endpoint = endpoint
        self.strategy = strategy_in(endpoint)
        self.check_model = check_model
        self.check_needs = check_needs
        self.looked_up: dict[tuple[object, ...], ChorusError | None] = {}
        self.probed: set[str] = set()
        self.entries: list[Entry] = []
        self.problems: list[Problem] = []
        self.names: set[str] = set()

    def read(self, lines: Iterable[bytes]) -> None:
        """Fill `entries` and `problems`; with too many of either the rest is not looked at."""
        for number, raw in enumerate(lines, start=1):
            if not raw.strip():
                continue
            if len(self.entries) >= MOST_LINES:
                text = f"The file has more than {MOST_LINES} requests."
                self.problems.append(Problem("too_many_requests", text))
            if len(self.problems) >= MOST_PROBLEMS or len(self.entries) >= MOST_LINES:
                return
            self.take(raw, number)
        if not self.entries and not self.problems:
            self.problems.append(Problem("empty_file", "The file has no requests."))

    def take(self, raw: bytes, number: int) -> None:
        """One line."""
        try:
            line = msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            text = f"This line is not parseable as valid JSON: {error}"
            self.problems.append(Problem("invalid_json_line", text, number))
            return
        if problem := self.problem_in(line, number):
            self.problems.append(problem)
            return
        self.names.add(line["custom_id"])
        self.entries.append(self.entry(line["custom_id"], line["body"]))

    def problem_in(self, line: Any, number: int) -> Problem | None:
        """What makes a line none of a batch."""
        if not isinstance(line, dict):
            return Problem("invalid_json_line", "This line is not a JSON object.", number)
        if nested_deeper(line, MOST_NESTED):
            return Problem("invalid_json_line", f"Nested deeper than {MOST_NESTED} levels.", number)
        for name, kind in NEEDED.items():
            if name not in line:
                text = f"Missing required parameter: '{name}'."
                return Problem("missing_required_parameter", text, number, name)
            if not isinstance(line[name], kind):
                text = f"Must be {'an object' if kind is dict else 'a string'}."
                return Problem("invalid_type", text, number, name)
        return self.misfit(line, number)

    def misfit(self, line: Mapping[str, Any], number: int) -> Problem | None:
        """What keeps a well-formed line out of this batch."""
        name, method, url = line["custom_id"], line["method"], line["url"]
        if name in self.names:
            text = f"The custom_id {name[:80]!r} is used more than once."
            return Problem("duplicate_custom_id", text, number, "custom_id")
        if not 0 < len(name) <= LONGEST_ID:
            text = f"A custom_id has 1 to {LONGEST_ID} characters."
            return Problem("invalid_custom_id", text, number, "custom_id")
        if method != "POST":
            return Problem("invalid_method", "The method must be 'POST'.", number, "method")
        if url != self.endpoint:
            text = f"The url must be the batch's endpoint, {self.endpoint!r}."
            return Problem("mismatched_url", text, number, "url")
        return None

    def entry(self, custom_id: str, body: Mapping[str, Any]) -> Entry:
        """A line that is to be run, or what a synchronous request would have been answered."""
        try:
            question = read_question(load_chat(body), self.strategy, self.settings)
            if question.stream:
                raise InvalidRequest("There is no streaming in a batch.", param="stream")
            check_permitted(question.request)
            self.check(question.request)
        except ChorusError as error:
            return Entry(custom_id, refused=Refused(meaning_of(error).status, body_of(error)))
        traces = question.request.options.get("budget", 1)
        return Entry(custom_id, packed(Line(question.request, question.shown)), traces=traces)

    def check(self, request: Request) -> None:
        """Refuse what the upstream cannot serve; each is looked up once. Raises UnknownModel,
        InvalidRequest."""
        for model, parameter in models_of(request).items():
            self.once((model, parameter), partial(self.check_model, model, parameter))
        kind = (request.sampling.model, request.strategy, request.require_logprobs)
        self.once(kind, partial(self.check_needs, request, self.may_probe(request)))

    def may_probe(self, request: Request) -> bool:
        """Whether a request's model may be probed: MOST_PROBED may, so that the reading does not take
        minutes."""
        model = request.sampling.model
        if HARD.intersection(find_strategy(request.strategy).needs) and len(self.probed) < MOST_PROBED:
            self.probed.add(model)
        return model in self.probed

    def once(self, named: tuple[object, ...], look: Callable[[], None]) -> None:
        """Look something up, unless that was done before. Raises what it raises."""
        if named not in self.looked_up:
            try:
                look()
                self.looked_up[named] = None
            except InvalidRequest as error:
                self.looked_up[named] = error
        if refusal := self.looked_up[named]:
            raise refusal
