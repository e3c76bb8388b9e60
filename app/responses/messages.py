"""Input items as the messages of a chat."""

from collections.abc import Sequence
from typing import Any

from app.responses.items import (
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    Message,
    OutputText,
    Part,
    Reasoning,
    Refusal,
)
from tts_core.errors import InvalidRequest

Chat = list[dict[str, Any]]


def messages_of(items: Sequence[Item], instructions: str | None) -> Chat:
    """The messages that say the same; `instructions` come first. Raises InvalidRequest."""
    chat: Chat = []
    for place, item in enumerate(items):
        add(chat, item, f"input[{place}]")
    if not chat:
        raise InvalidRequest("Invalid value for 'input': It has no message.", param="input")
    return [{"role": "system", "content": instructions}, *chat] if instructions else chat


def add(chat: Chat, item: Item, place: str) -> None:
    """Say one item. Reasoning is not said again: models are not to read their own earlier thoughts."""
    match item:
        case Message(role="assistant"):
            chat.append(said(item, place))
        case Message():
            chat.append({"role": item.role, "content": asked(item, place)})
        case FunctionCall():
            add_call(chat, item)
        case FunctionCallOutput():
            chat.append({"role": "tool", "tool_call_id": item.call_id, "content": given(item)})
        case Reasoning():
            pass


def add_call(chat: Chat, item: FunctionCall) -> None:
    """A call belongs to the answer before it, if there is one."""
    if not chat or chat[-1]["role"] != "assistant":
        chat.append({"role": "assistant", "content": None})
    function = {"name": item.name, "arguments": item.arguments}
    call = {"id": item.call_id, "type": "function", "function": function}
    chat[-1].setdefault("tool_calls", []).append(call)


def said(message: Message, place: str) -> dict[str, Any]:
    """An earlier answer: its text in one, and its refusal."""
    if isinstance(message.content, str):
        return {"role": "assistant", "content": message.content}
    for number, part in enumerate(message.content):
        if isinstance(part, InputImage):
            refuse(part, f"{place}.content[{number}]", message.role)
    texts = [part.text for part in message.content if isinstance(part, InputText | OutputText)]
    refusals = [part.refusal for part in message.content if isinstance(part, Refusal)]
    refused = {"refusal": "".join(refusals)} if refusals else {}
    return {"role": "assistant", "content": "".join(texts) if texts else None, **refused}


def asked(message: Message, place: str) -> str | Chat:
    """What a message asks: one text as a string, which every server understands, else parts."""
    match message.content:
        case str(text) | [InputText(text=text) | OutputText(text=text)]:
            return text
    return [
        chat_part(part, f"{place}.content[{n}]", message.role) for n, part in enumerate(message.content)
    ]


def chat_part(part: Part, place: str, role: str) -> dict[str, Any]:
    """One part of a message that asks. Raises InvalidRequest for a refusal."""
    match part:
        case InputText(text=text) | OutputText(text=text):
            return {"type": "text", "text": text}
        case InputImage(image_url=url, detail=detail):
            return {
                "type": "image_url",
                "image_url": {"url": url, **({"detail": detail} if detail else {})},
            }
    return refuse(part, place, role)


def refuse(part: Part, place: str, role: str) -> dict[str, Any]:
    """Raises InvalidRequest: the part is none of this role's."""
    kind = type(part).__struct_config__.tag
    raise InvalidRequest(
        f"Invalid value for '{place}': A message of role {role!r} has no {kind}.", param=place
    )


def given(item: FunctionCallOutput) -> str:
    """What a call gave, in one string."""
    return item.output if isinstance(item.output, str) else "".join(part.text for part in item.output)
