"""Finds a secret in any bytes, however it was written there: plain, quoted, escaped, in hex, in base64, or in part."""

from __future__ import annotations

import base64
import html
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

import msgspec

from fairlead.store.packing import unpack

# Of a long secret its beginning and its end are secrets too.
PART_LENGTH: Final = 14
_BASE64_ALPHABETS: Final = (None, b"-_")


def spell(secret: str) -> Iterator[tuple[str, bytes]]:
    """Every way to write a text that we can think of, with a name for it."""
    raw = secret.encode()
    yield "plain", raw
    yield "backwards", raw[::-1]
    yield "JSON", json.dumps(secret)[1:-1].encode()
    yield "JSON in UTF-8", json.dumps(secret, ensure_ascii=False)[1:-1].encode()
    yield "JSON in JSON", json.dumps(json.dumps(secret))[3:-3].encode()
    yield "Python", repr(secret)[1:-1].encode()
    yield "Python bytes", repr(raw)[2:-1].encode()
    yield "HTML", html.escape(secret).encode()
    yield "URL", quote(secret, safe="").encode()
    yield "path of a URL", quote(secret).encode()
    yield "form", quote_plus(secret).encode()
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    yield "UTF-16", secret.encode("utf-16-le")
    for shift in range(3):
        for alphabet in _BASE64_ALPHABETS:
            yield "base64", _inner_base64(raw, shift, alphabet)


def _inner_base64(raw: bytes, shift: int, alphabet: bytes | None) -> bytes:
    """What base64 always has of these bytes when ``shift`` others stand before them, whatever stands around them."""
    whole = (shift + len(raw)) // 3 * 3 - shift
    skipped = -shift % 3
    return base64.b64encode(raw[skipped:whole], alphabet)


def needles(name: str, secret: str) -> Iterator[tuple[str, bytes]]:
    """What must stand nowhere: every spelling of a secret, and of the ends of a long one."""
    for spelling, written in spell(secret):
        yield f"{name} ({spelling})", written
    if len(secret) >= 2 * PART_LENGTH:
        yield f"{name} (its beginning)", secret[:PART_LENGTH].encode()
        yield f"{name} (its end)", secret[-PART_LENGTH:].encode()


def find_secrets(secrets: Mapping[str, str], places: Mapping[str, bytes]) -> list[str]:
    """Say which secret stands where, and around what; of several spellings the first."""
    return [
        f"{place} holds {told}"
        for name, secret in secrets.items()
        for place, content in places.items()
        if (told := next(_find(content, needles(name, secret)), ""))
    ]


def _find(content: bytes, wanted: Iterable[tuple[str, bytes]]) -> Iterator[str]:
    for name, written in wanted:
        at = content.find(written)
        if at >= 0:
            yield f"{name}: {content[max(0, at - 40) : at + 60]!r}"


def read_folder(folder: Path) -> dict[str, bytes]:
    """Every byte of every file, logs of the database too."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def read_packed(database: Path) -> bytes:
    """Every value of every table, bodies unpacked."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        values = [value for table in tables for row in connection.execute(f'SELECT * FROM "{table}"') for value in row]
    return b"\n".join(_unpacked(value) if isinstance(value, bytes) else str(value).encode() for value in values)


def _unpacked(value: bytes) -> bytes:
    try:
        return unpack(value)
    except msgspec.DecodeError:
        # What is sealed may begin as what is packed does.
        return value
