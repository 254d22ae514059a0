"""Blanks the token in a body before it is stored, byte for byte, and touches nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

FIELD_NAME: Final = "authToken"
FIELD_LITERAL: Final = b'"authToken"'
SECRET_LENGTH_MIN: Final = 16

# A whole string literal, or a sign between values; UTF-8 keeps these bytes for ASCII alone.
_PART: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]', re.DOTALL)


def blank_token(raw: bytes, token: str) -> bytes:
    """Put stars over the value of ``authToken``, and over every other text of the body that holds the token.

    The body must be JSON that was read without complaint.
    """
    if _is_usual(raw, token):
        return raw.replace(token.encode(), b"*" * len(token))
    blanked = bytearray(raw)
    for start, end, is_token_field in _find_texts(raw):
        if is_token_field or _holds(raw[start:end], token):
            blanked[start + 1 : end - 1] = b"*" * (end - start - 2)
    return bytes(blanked)


def _is_usual(raw: bytes, token: str) -> bool:
    """Whether the token stands once, plainly, as the one value of its field: nearly every alert, told at once."""
    if len(token) < SECRET_LENGTH_MIN or not token.isascii() or b"\\" in raw:
        return False
    value = f'"{token}"'.encode()
    plain = FIELD_LITERAL + b":" + value
    return (plain in raw or FIELD_LITERAL + b": " + value in raw) and (
        raw.count(token.encode()) == raw.count(FIELD_LITERAL) == 1
    )


def _find_texts(raw: bytes) -> Iterator[tuple[int, int, bool]]:
    """Every string literal with its place, and whether it is the value of the token's field of the outermost object."""
    depth = 0
    before: re.Match[bytes] | None = None
    is_value_of_token = False
    for part in _PART.finditer(raw):
        symbol = part.group()
        if symbol in b"{[":
            depth += 1
        elif symbol in b"}]":
            depth -= 1
        elif symbol == b":":
            is_value_of_token = depth == 1 and before is not None and _is_field_name(before.group())
            continue
        elif symbol != b",":
            yield part.start(), part.end(), is_value_of_token
            before = part
        is_value_of_token = False


def _is_field_name(literal: bytes) -> bool:
    return literal == FIELD_LITERAL or (b"\\" in literal and json.loads(literal) == FIELD_NAME)


def _holds(literal: bytes, token: str) -> bool:
    if len(token) < SECRET_LENGTH_MIN:
        return False
    return token.encode("utf-8", "replace") in literal or (b"\\" in literal and token in str(json.loads(literal)))
