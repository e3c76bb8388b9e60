"""Where the answer stands in a trace's text, and when two answers are the same."""

from tts_core.answers.equivalence import classes
from tts_core.answers.formats import check_answer_format, read_answer
from tts_core.answers.keys import key
from tts_core.answers.schemas import check_response_format, satisfies, schema_of
from tts_core.answers.tool_calls import read_tool_calls

__all__ = [
    "check_answer_format",
    "check_response_format",
    "classes",
    "key",
    "read_answer",
    "read_tool_calls",
    "satisfies",
    "schema_of",
]
