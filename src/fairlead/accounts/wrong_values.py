"""What a decoder says about a value that is of no use, taken apart: which field, what stands there, and the rule."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from fairlead.core.model.bots.preview import Finding
from fairlead.core.model.money import format_amount

VALUE_SHOWN_MAX: Final = 40
# A decimal of more digits than this is written in the exponent's form, so that none fills the memory.
_DIGITS_WRITTEN_MAX: Final = 64

_PLACE: Final = re.compile(r" - at `\$\.?([^`]*)`$")
_NAMED: Final = re.compile(r"Object (contains unknown|missing required) field `([^`]*)`")
_STEP: Final = re.compile(r"[^.\[\]]+")
_RULES: Final = {"contains unknown": "is not known here", "missing required": "is required"}


def explain_wrong(message: str, values: object) -> Finding:
    """A finding from the message of ``msgspec.ValidationError`` about these values."""
    place = _PLACE.search(message)
    path, rule = (place[1], message[: place.start()]) if place else ("", message)
    named = _NAMED.match(rule)
    if named is not None:
        path = f"{path}.{named[2]}" if path else named[2]
        rule = _RULES[named[1]]
    return Finding(path, show_value(_find(values, path)), rule)


def show_value(value: object) -> str:
    """A value as a short text; nothing for none."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        text = format_amount(value) if abs(value.adjusted()) < _DIGITS_WRITTEN_MAX else str(value)
    else:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= VALUE_SHOWN_MAX else f"{text[:VALUE_SHOWN_MAX]}…"


def _find(values: object, path: str) -> Any:  # noqa: ANN401  # whatever JSON or TOML may hold
    found: Any = values
    for step in _STEP.findall(path):
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, Sequence) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found
