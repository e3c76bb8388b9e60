"""What may stand around a number without changing it: currency, degrees, units; and per cent."""

import re

_CURRENCY_BEFORE = re.compile(r"([+-]?)\s*(?:\\?[$€£¥₹])\s*(?=[+-]?[\d.\\])")
_PERCENT = re.compile(r"\s*(?:\\?%|\spercent|\sper cent)\Z")
_DEGREES = re.compile(r"\s*(?:\^\s*\{?\s*\\(?:circ|degree)\s*\}?|°|\\degree|\\?[$€£¥₹])\Z")
_POWER = r"(?:\s*\^\s*(?:\d|\{\d\}))?\s*\Z"
_UNIT_AS_TEXT = re.compile(
    r"\s*\\(?:text(?:rm|bf|it|normal)?|math(?:rm|bf|it)|mbox)\s*\{([^{}]*)\}" + _POWER
)
_UNIT_AS_WORDS = re.compile(r"((?:\s[^\W\d_]{2,}(?:/[^\W\d_]+)?){1,4}|\s?[\u3400-\u9fff]{1,4})" + _POWER)

# Words that change the number, or say something about it, so that it is not the answer alone.
_NOT_A_UNIT = re.compile(
    r"\b(?:(?:hundred|thousand|[mbtr]+illion|dozen|hal[fv]e?|third|quarter|fourth|fifth|sixth"
    r"|seventh|eighth|ninth|tenth|hundredth|thousandth)s?|st|nd|rd|th|[ap]\.?m|b?ce?|ad|or|and|to|is|are|was"
    r"|were|be|than|not|if|minus|plus|times|divided|over|squared|cubed|below|above|pi|mod|but"
    r"|per ?cent)\b|[万萬亿億千百十半分多年点點]",
    re.IGNORECASE,
)


def bare_number(text: str) -> tuple[str, int]:
    """The number in `text` without what surrounds it, and what to divide it by (100 for `50%`).

    A unit is dropped when it is `\\text{}`, or up to four lower-case words, or a Chinese counter:
    answers to one question share their unit. `5 million`, `3 dozen`, `3 pm`, `2 thirds` and
    `12 Monkeys` keep their words and so are no numbers.
    """
    text = _CURRENCY_BEFORE.sub(r"\1", text, count=1) if text[:1] in "+-\\$€£¥₹" else text
    if text[-1:].isdecimal() and "^" not in text:
        return text, 1
    percent = _PERCENT.search(text)
    if percent:
        return text[: percent.start()], 100
    return _without_degrees(_without_unit(text)), 1


def _without_degrees(text: str) -> str:
    degrees = _DEGREES.search(text)
    return text[: degrees.start()] if degrees else text


def _without_unit(text: str) -> str:
    unit = _UNIT_AS_TEXT.search(text) or _lower_case_words(text)
    if unit is None or _NOT_A_UNIT.search(unit[1]) or text[: unit.start()].endswith("."):
        return text
    return text[: unit.start()]


def _lower_case_words(text: str) -> re.Match[str] | None:
    words = _UNIT_AS_WORDS.search(text)
    return words if words and words[1] == words[1].lower() else None
