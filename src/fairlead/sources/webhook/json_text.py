"""Strict JSON: numbers stay the text they were written as; what two readers could read differently is refused."""

from __future__ import annotations

import json
from typing import Final, NoReturn

from fairlead.sources.webhook.alert import Malformed

BODY_BYTES_MAX: Final = 65_536
DEPTH_MAX: Final = 8

JsonObject = dict[str, object]


class NumberText(str):
    """A JSON number exactly as it was written, so that 0.1 is never a binary fraction."""

    __slots__ = ()


class _RefusedJsonError(ValueError):
    """JSON that the standard allows or Python reads, but we do not."""


def parse_body(raw: bytes, *, bytes_max: int = BODY_BYTES_MAX) -> JsonObject | Malformed:
    """Read a body as one JSON object."""
    if len(raw) > bytes_max:
        return Malformed(error=f"the body has more than {bytes_max} bytes")
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return Malformed(error="the body is not UTF-8 text")
    except json.JSONDecodeError as error:
        return Malformed(error=f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
    except _RefusedJsonError as error:
        return Malformed(error=f"the body is not acceptable JSON: {error}")
    except RecursionError:
        return Malformed(error=_TOO_DEEP)
    if not isinstance(value, dict):
        return Malformed(error="the body is not a JSON object")
    if _is_deeper(value, DEPTH_MAX):
        return Malformed(error=_TOO_DEEP)
    return value


_TOO_DEEP: Final = f"the body is nested more than {DEPTH_MAX} levels deep"


def _is_deeper(value: object, levels: int) -> bool:
    if isinstance(value, dict):
        return levels == 0 or any(_is_deeper(part, levels - 1) for part in value.values())
    if isinstance(value, list):
        return levels == 0 or any(_is_deeper(part, levels - 1) for part in value)
    return False


def _read_pairs(pairs: list[tuple[str, object]]) -> JsonObject:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _RefusedJsonError("a field is given twice")
    return found


def _refuse_constant(_: str) -> NoReturn:
    raise _RefusedJsonError("NaN and Infinity are not numbers")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_read_pairs,
    parse_float=NumberText,
    parse_int=NumberText,
    parse_constant=_refuse_constant,
)
