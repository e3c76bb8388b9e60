"""A message's tool calls as an answer."""

from collections.abc import Mapping, Sequence
from typing import Any

from tts_core.answers.json_values import canonical, read_json
from tts_core.model import Answer


def read_tool_calls(tool_calls: Sequence[Mapping[str, Any]]) -> Answer | None:
    """What OpenAI's `tool_calls` ask for, in their order; None when nothing is called.

    Calls are equal by name and by the JSON value of their arguments (members in any order, numbers
    by value); ids do not count. Arguments that are no JSON count as they are.
    """
    calls = [call for call in map(_call, tool_calls) if call[0]]
    if not calls:
        return None
    key = ",".join(canonical([name, form]) for name, _, form in calls)
    text = "; ".join(f"{name}({spelling})" for name, spelling, _ in calls)
    return Answer(key=f"tools:{key}", text=text)


def _call(call: Mapping[str, Any]) -> tuple[str, str, str]:
    asked = call.get("function") or call.get("custom")
    if not isinstance(asked, Mapping):
        return "", "", ""
    arguments = asked.get("arguments", asked.get("input", ""))
    if not isinstance(arguments, str):
        arguments = canonical(arguments)
    return str(asked.get("name") or ""), arguments.strip(), _form(arguments)


def _form(arguments: str) -> str:
    form = read_json(arguments)
    return arguments.strip() if form is None else form
