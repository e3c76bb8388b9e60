"""From the body of POST /v1/responses to a chat's question, and what the response repeats of it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app.questions import Question, read_question
from app.responses.items import builtins, read_items
from app.responses.messages import messages_of
from app.schemas.chat import load_chat
from app.schemas.responses import LOGPROBS, ResponseSchema, load_response
from tts_core.errors import InvalidRequest
from workers.settings import Settings

ALIKE = ("model", "temperature", "top_p", "parallel_tool_calls", "user")
REPEATED = ("instructions", "tools", "text", "reasoning", "parallel_tool_calls", "top_logprobs", "user")
FLAGS = {"background": False, "store": True}
OWN = frozenset(ResponseSchema().fields)
NAMES = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
    "reasoning_effort": "reasoning.effort",
}


def read_response(body: Any, named: str | None, settings: Settings) -> Question:
    """The question of a response; `named` is the strategy in the URL. Raises InvalidRequest."""
    data = load_response(body)
    question = read_question(load_chat(chat_of(data)), named, settings)
    stream = data.get("stream", False)
    return replace(question, stream=stream, metadata=data.get("metadata", {}), echo=echo_of(data))


def chat_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """The chat that asks the same. It is no stream: the text of a response comes when it has ended."""
    messages = messages_of(read_items(data["input"]), data.get("instructions"))
    passed_on = {name: value for name, value in data.items() if name not in OWN or name in ALIKE}
    found = {
        "max_completion_tokens": data.get("max_output_tokens"),
        "tools": [chat_tool(tool) for tool in data.get("tools", ())] or None,
        "tool_choice": chat_choice(data.get("tool_choice")),
        "reasoning_effort": data.get("reasoning", {}).get("effort"),
        "verbosity": data.get("text", {}).get("verbosity"),
        "response_format": chat_format(data.get("text", {}).get("format")),
        **chat_logprobs(data),
    }
    given = {name: value for name, value in found.items() if value is not None}
    return {**passed_on, "messages": messages, **given}


def chat_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A function tool in a chat's shape."""
    function = {name: value for name, value in tool.items() if name != "type" and value is not None}
    return {"type": "function", "function": function}


def chat_choice(choice: Any) -> Any:
    """A choice of tool in a chat's shape. Raises InvalidRequest."""
    match choice:
        case None | "auto" | "none" | "required":
            return choice
        case {"type": "function", "name": str(name)}:
            return {"type": "function", "function": {"name": name}}
    raise InvalidRequest(
        "Invalid value for 'tool_choice': Must be 'auto', 'none', 'required' or a function.",
        param="tool_choice",
    )


def chat_format(form: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The form of the answer in a chat's shape."""
    if not form or form["type"] == "text":
        return None
    if form["type"] == "json_object":
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {k: v for k, v in form.items() if k != "type"}}


def chat_logprobs(data: Mapping[str, Any]) -> dict[str, Any]:
    """The log-probabilities that are wanted."""
    if LOGPROBS not in data.get("include", ()):
        return {}
    return {"logprobs": True, "top_logprobs": data.get("top_logprobs", 0)}


def echo_of(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the response repeats, and whether it may be asked for again."""
    flags = {name: data.get(name, default) for name, default in FLAGS.items()}
    repeated = {name: data[name] for name in REPEATED if name in data}
    choice = data.get("tool_choice", "auto")
    return {**repeated, **flags, "tool_choice": choice, "input": builtins(read_items(data["input"]))}


def own_name(param: str | None) -> str | None:
    """A response's word for what an upstream finds fault with."""
    return NAMES.get(param.partition("[")[0].partition(".")[0], param) if param else None
