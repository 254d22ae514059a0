"""Blanks the token, and whatever goes by a secret's name, in a body before it is stored; touches nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from fairlead.accounts.tokens import PREFIX
from fairlead.core.model.secret_names import is_secret_name

FIELD_LITERAL: Final = b'"authToken"'
SECRET_LENGTH_MIN: Final = 16

# A whole string literal, or a sign between values; UTF-8 keeps these bytes for ASCII alone.
_PART: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]:,]', re.DOTALL)
# A field's name, where no string holds a quote.
_NAME: Final = re.compile(rb'"([^"]*)"\s*:')
NAMES_REMEMBERED_MAX: Final = 1_024
_TOKEN_BEGINS: Final = PREFIX.encode()


def blank_token(raw: bytes, token: str) -> bytes:
    """Put stars over every text of the body that holds a token of ours or goes by a secret's name.

    Senders put there what they should not: an alert is no place for the key of an exchange. The body must be JSON that
    was read without complaint, and stays as long as it is.
    """
    if _is_usual(raw, token):
        return raw.replace(token.encode(), b"*" * len(token))
    blanked = bytearray(raw)
    for start, end, is_secret in _find_texts(raw):
        if is_secret or _holds(raw[start:end], token):
            blanked[start + 1 : end - 1] = b"*" * (end - start - 2)
    return bytes(blanked)


def _is_usual(raw: bytes, token: str) -> bool:
    """Whether the token stands once, plainly, as the one value of its field: nearly every alert, told at once."""
    if len(token) < SECRET_LENGTH_MIN or not token.isascii() or b"\\" in raw:
        return False
    if raw.count(_TOKEN_BEGINS) > token.count(PREFIX):
        return False
    value = f'"{token}"'.encode()
    plain = FIELD_LITERAL + b":" + value
    return (plain in raw or FIELD_LITERAL + b": " + value in raw) and (
        raw.count(token.encode()) == raw.count(FIELD_LITERAL) == sum(map(_is_secret_field, _NAME.findall(raw))) == 1
    )


def _find_texts(raw: bytes) -> Iterator[tuple[int, int, bool]]:
    """Every string literal with its place, and whether it is or stands in the value of a field with a secret's name."""
    within = [False]
    before: re.Match[bytes] | None = None
    is_secret = False
    for part in _PART.finditer(raw):
        symbol = part.group()
        if symbol in b"{[":
            within.append(within[-1] or is_secret)
        elif symbol in b"}]":
            within.pop()
        elif symbol == b":":
            is_secret = before is not None and _is_secret_field(before.group()[1:-1])
            continue
        elif symbol != b",":
            yield part.start(), part.end(), is_secret or within[-1]
            before = part
        is_secret = False


@lru_cache(maxsize=NAMES_REMEMBERED_MAX)
def _is_secret_field(name: bytes) -> bool:
    return is_secret_name(str(json.loads(b'"%b"' % name)) if b"\\" in name else name.decode("utf-8", "replace"))


def _holds(literal: bytes, token: str) -> bool:
    plain = str(json.loads(literal)) if b"\\" in literal else literal.decode("utf-8", "replace")
    return PREFIX in plain or (len(token) >= SECRET_LENGTH_MIN and token in plain)
