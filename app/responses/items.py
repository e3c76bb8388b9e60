"""The items of a response's input: what may be sent, and how it is listed again."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

from tts_core.errors import InvalidRequest

MESSAGE = "message"


class Typed(msgspec.Struct, tag_field="type", frozen=True):
    """A JSON object that its `type` tells apart; what is not declared is not kept."""


class InputText(Typed, tag="input_text", frozen=True):
    """Text of whoever asks."""

    text: str


class InputImage(Typed, tag="input_image", frozen=True):
    """An image by URL; data URLs too."""

    image_url: str
    detail: Literal["low", "high", "auto", "original"] | None = None


class OutputText(Typed, tag="output_text", frozen=True):
    """Text of an earlier answer."""

    text: str


class Refusal(Typed, tag="refusal", frozen=True):
    """A refusal instead of an earlier answer."""

    refusal: str


Part: TypeAlias = InputText | InputImage | OutputText | Refusal


class Message(Typed, tag=MESSAGE, frozen=True):
    """A message of either side."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[Part]


class FunctionCall(Typed, tag="function_call", frozen=True):
    """A call that an earlier answer asked for."""

    call_id: str
    name: str
    arguments: str


class FunctionCallOutput(Typed, tag="function_call_output", frozen=True):
    """What that call gave."""

    call_id: str
    output: str | list[InputText]


class SummaryText(Typed, tag="summary_text", frozen=True):
    """A piece of a summary of reasoning."""

    text: str


class ReasoningText(Typed, tag="reasoning_text", frozen=True):
    """A piece of reasoning."""

    text: str


class Reasoning(Typed, tag="reasoning", frozen=True):
    """What an earlier answer was thought out with."""

    summary: list[SummaryText] = []
    content: list[ReasoningText] | None = None


Item: TypeAlias = Message | FunctionCall | FunctionCallOutput | Reasoning


def read_items(given: Any) -> list[Item]:
    """The items of `input`, a string being one message. Raises InvalidRequest naming the place."""
    if isinstance(given, str):
        return [Message(role="user", content=given)]
    if not isinstance(given, list) or not given:
        raise InvalidRequest(
            "Invalid value for 'input': Must be a string or a non-empty array of items.", param="input"
        )
    return [read_item(item, place) for place, item in enumerate(given)]


def read_item(given: Any, place: int) -> Item:
    """One item; messages need not name their type. Raises InvalidRequest."""
    if isinstance(given, Mapping) and given.get("type") is None and "role" in given:
        given = {**given, "type": MESSAGE}
    try:
        item: Item = msgspec.convert(given, type=Item)
    except msgspec.ValidationError as error:
        raise misplaced(str(error), f"input[{place}]") from error
    return item


def misplaced(finding: str, root: str) -> InvalidRequest:
    """msgspec's finding with the path that a client knows: `$.content[0]` lies in `root`."""
    message, _, path = finding.partition(" - at `$")
    place = root + path.removesuffix("`")
    if place.endswith(".type") and message.startswith("Invalid value "):
        message = f"{message.removeprefix('Invalid value ')} is not supported here"
    return InvalidRequest(f"Invalid value for '{place}': {message}.", param=place)


def listed(item: Item, run_id: str, place: int) -> dict[str, Any]:
    """An item as `input_items` shows it; its id tells its place."""
    match item:
        case Message():
            known = {"id": f"msg_in_{place}_{run_id}", "status": "completed", "content": parts_of(item)}
        case Reasoning():
            known = {"id": f"rs_in_{place}_{run_id}", "content": builtins(item.content or [])}
        case _:
            known = {"id": f"fc_in_{place}_{run_id}", "status": "completed"}
    return {**builtins(item), **known}


def parts_of(message: Message) -> list[dict[str, Any]]:
    """A message's content in parts, as OpenAI's objects have it for its role."""
    if isinstance(message.content, str):
        whole = OutputText if message.role == "assistant" else InputText
        return [part_of(whole(text=message.content), message.role)]
    return [part_of(part, message.role) for part in message.content]


def part_of(part: Part, role: str) -> dict[str, Any]:
    """One part: text is `output_text` in an answer, `input_text` elsewhere."""
    match part:
        case InputText(text=text) | OutputText(text=text) if role == "assistant":
            return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        case OutputText(text=text):
            return {"type": "input_text", "text": text}
        case InputImage(detail=None):
            return {**builtins(part), "detail": "auto"}
    return dict(builtins(part))


def builtins(value: Any) -> Any:
    """Structs as plain JSON."""
    return msgspec.to_builtins(value)
