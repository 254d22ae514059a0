"""Strict JSON: numbers stay the text they were written as; what two readers could read differently is refused."""

from __future__ import annotations

import json
from typing import Final

from fairlead.sources.webhook.alert import FieldError, Malformed

BODY_BYTES_MAX: Final = 65_536
DEPTH_MAX: Final = 8
# Every name that we know is shorter; a token is longer, also where it stands in the wrong place.
NAME_SHOWN_MAX: Final = 24
TEXT_SHOWN_MAX: Final = 15

JsonObject = dict[str, object]


class NumberText(str):
    """A JSON number exactly as it was written, so that 0.1 is never a binary fraction."""

    __slots__ = ()


class _Constant(str):
    """NaN or an infinity, which Python's reader takes for numbers; kept until its field is known."""

    __slots__ = ()


# What a look inside is worth: nearly every field of nearly every alert is a plain text or number.
_NESTED: Final = frozenset({dict, list})
_MAY_HOLD_CONSTANTS: Final = frozenset({list, _Constant})


class _RefusedJsonError(ValueError):
    """JSON that the standard allows or Python reads, but we do not: which field or value, and the rule."""

    def __init__(self, field: str, value: object, rule: str) -> None:
        super().__init__(rule)
        self.detail = FieldError(field=_show_name(field), value=_show(value), rule=rule)


def parse_body(raw: bytes, *, bytes_max: int = BODY_BYTES_MAX) -> JsonObject | Malformed:
    """Read a body as one JSON object."""
    if len(raw) > bytes_max:
        return _refuse_body(f"{len(raw)} bytes", f"has more than {bytes_max} bytes")
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
        if not isinstance(value, dict):
            return _refuse_body("a list" if isinstance(value, list) else "a single value", "is not a JSON object")
        _refuse_depth(value)
    except UnicodeDecodeError as error:
        return _refuse_body(f"byte 0x{raw[error.start]:02x} at position {error.start}", "is not UTF-8 text")
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        return _refuse_body(place, f"is not JSON: {error.msg} at {place}")
    except _RefusedJsonError as error:
        return Malformed(error=f"the body is not acceptable JSON: a field {error}", details=(error.detail,))
    except RecursionError:
        return _refuse_body("", _TOO_DEEP)
    return value


_TOO_DEEP: Final = f"is nested more than {DEPTH_MAX} levels deep"


def _refuse_body(value: str, rule: str) -> Malformed:
    return Malformed(error=f"the body {rule}", details=(FieldError(field="body", value=value, rule=rule),))


def _show_name(name: str) -> str:
    if len(name) > NAME_SHOWN_MAX:
        return f"a name of {len(name)} characters"
    return _blank_control(name) or "(a field without a name)"


def _show(value: object) -> str:
    # Which text is the token cannot be known before the body is read: long ones are not shown at all.
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str():
            return _blank_control(value) if len(value) <= TEXT_SHOWN_MAX else f"a text of {len(value)} characters"
        case list():
            return "a list"
        case _:
            return "an object"


def _blank_control(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def _refuse_depth(body: JsonObject) -> None:
    for name, value in body.items():
        if type(value) in _NESTED and _is_deeper(value, DEPTH_MAX - 1):
            raise _RefusedJsonError(name, value, _TOO_DEEP)


def _is_deeper(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_is_deeper(part, levels - 1) for part in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_is_deeper(part, levels - 1) for part in value)
    return False


def _read_pairs(pairs: list[tuple[str, object]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        _refuse_repeat(pairs)
    for name, value in pairs:
        constant = _find_constant(value) if type(value) in _MAY_HOLD_CONSTANTS else None
        if constant is not None:
            raise _RefusedJsonError(name, str(constant), f"is {constant}, which is not a number")
    return found


def _refuse_repeat(pairs: list[tuple[str, object]]) -> None:
    seen: set[str] = set()
    for name, value in pairs:
        if name in seen:
            raise _RefusedJsonError(name, value, "is given twice")
        seen.add(name)


def _find_constant(value: object) -> _Constant | None:
    # Objects inside were read, and would have been refused, before.
    if type(value) is _Constant:
        return value
    if type(value) is list:
        return next((found for part in value if (found := _find_constant(part)) is not None), None)
    return None


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_read_pairs,
    parse_float=NumberText,
    parse_int=NumberText,
    parse_constant=_Constant,
)
