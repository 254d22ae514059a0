"""Strict JSON: numbers stay the text they were written as; what two readers could read differently is refused."""

from __future__ import annotations

import json
from typing import Final, NoReturn

from fairlead.sources.webhook.alert import FieldError, Malformed

BODY_BYTES_MAX: Final = 65_536
DEPTH_MAX: Final = 8
NAME_SHOWN_MAX: Final = 40

JsonObject = dict[str, object]


class NumberText(str):
    """A JSON number exactly as it was written, so that 0.1 is never a binary fraction."""

    __slots__ = ()


class _RefusedJsonError(ValueError):
    """JSON that the standard allows or Python reads, but we do not: which field or value, and the rule."""

    def __init__(self, field: str, value: str, rule: str) -> None:
        super().__init__(rule)
        self.detail = FieldError(field=_shorten(field), value=value, rule=rule)


def parse_body(raw: bytes, *, bytes_max: int = BODY_BYTES_MAX) -> JsonObject | Malformed:
    """Read a body as one JSON object."""
    if len(raw) > bytes_max:
        return _refuse_body(f"{len(raw)} bytes", f"has more than {bytes_max} bytes")
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        return _refuse_body(f"byte {error.start}", "is not UTF-8 text")
    except json.JSONDecodeError as error:
        return _refuse_body(f"line {error.lineno}, column {error.colno}", f"is not JSON: {error.msg}")
    except _RefusedJsonError as error:
        return Malformed(
            error=f"the body is not acceptable JSON: {error.detail.field} {error}", details=(error.detail,)
        )
    except RecursionError:
        return _refuse_body("", _TOO_DEEP)
    if not isinstance(value, dict):
        return _refuse_body("a list" if isinstance(value, list) else "a single value", "is not a JSON object")
    if _is_deeper(value, DEPTH_MAX):
        return _refuse_body("", _TOO_DEEP)
    return value


_TOO_DEEP: Final = f"is nested more than {DEPTH_MAX} levels deep"


def _refuse_body(value: str, rule: str) -> Malformed:
    place = f" at {value}" if value.startswith("line") else ""
    return Malformed(error=f"the body {rule}{place}", details=(FieldError(field="body", value=value, rule=rule),))


def _shorten(name: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in name[:NAME_SHOWN_MAX])


def _is_deeper(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_is_deeper(part, levels - 1) for part in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_is_deeper(part, levels - 1) for part in value)
    return False


def _read_pairs(pairs: list[tuple[str, object]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _RefusedJsonError(twice, "", "is given twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedJsonError("body", name, "holds NaN or Infinity, which are not numbers")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_read_pairs,
    parse_float=NumberText,
    parse_int=NumberText,
    parse_constant=_refuse_constant,
)
