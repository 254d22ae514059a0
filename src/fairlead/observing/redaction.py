"""Takes secrets out of whatever is about to leave the process: by the name of a field, and by the shape of a value."""

from __future__ import annotations

import json
import re
import reprlib
import traceback
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Final
from urllib.parse import quote

from fairlead.core.model.secret_names import NAME_LENGTH_MAX, is_secret_name

STARS: Final = "***"
DEPTH_MAX: Final = 8
ITEMS_MAX: Final = 100
TEXT_LENGTH_MAX: Final = 8_192
# Longer than what is shown, so that a secret at the cut is whole when it is looked for.
TEXT_SEARCHED_MAX: Final = 65_536
FRAMES_MAX: Final = 30
NAMES_REMEMBERED_MAX: Final = 4_096
KNOWN_LENGTH_MIN: Final = 4
# Every shape below holds a sign that is no letter and no digit, or is as long as this.
VENUE_SECRET_LENGTH: Final = 32

# A name and its value in any notation: JSON, also within a JSON text; Python; headers; query strings.
# The quote that ends a value stands behind as many backslashes as the one that began it.
_NAMED: Final = r"""
(?P<name>(?:token|secret|passw|passphrase|passcode|pwd|api[ _-]?key|access[_-]?key|private[_-]?key|signing[_-]?key
  |encryption[_-]?key|master[_-]?key|authorization|cookie|credential|mnemonic|seed[_-]?phrase|signature|access[-_]sign|csrf
  |pepper|session|\bsign\b|\botp\b|\bpin\b|\bauth\b)[\w.-]{0,40})
(?P<between>\\*["']?\]?\s*(?::|=>|=|%3[Dd])\s*(?:[bru]{1,2}(?=["']))?)
(?:(?P<slashes>\\*)(?P<quote>["'])(?:(?!(?<!\\)(?P=slashes)(?P=quote)).)*
  |(?P<line>(?<=authorization:\s)[^\r\n"']+|(?<=cookie:\s)[^\r\n"']+)
  |(?P<scheme>(?:bearer|basic|token|digest)\s+)?[^\s&"']\S*)
"""
_SHAPES: Final = r"""
(?P<pem>-----BEGIN[ ][A-Z0-9 ]*PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z0-9 ]*PRIVATE[ ]KEY-----|\Z))
|(?P<url>(?<=://)[^\s/@:]*:(?!\*\*\*@)[^\s/]*@)
|(?P<auth>\b(?:bearer|basic|digest)\s+(?:[\w.~+/=-]{16,}|(?=[\w.~+/=-]{0,40}?[0-9+/=])[\w.~+/=-]{6,}))
|(?P<token>\bfl[a-z]_[\w-]+|\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?|\bsk-[\w-]{12,}|\bgh[a-z]_\w{16,}|\bxox[a-z]-[\w-]{8,}
  |\$argon2\w*\$[\w+/=,$.-]+|\bAKIA[A-Z0-9]{12,}|\b(?:bot)?\d{6,12}:[\w-]{30,}|(?-i:\b(?=[A-F]*\d)(?=\d*[A-F])[0-9A-F]{32}\b))
"""
_FLAGS: Final = re.VERBOSE | re.DOTALL | re.IGNORECASE
_SECRET: Final = re.compile(f"{_SHAPES}|{_NAMED}", _FLAGS)
_SHAPED: Final = re.compile(_SHAPES, _FLAGS)
# What each of these patterns needs, in lower case: most texts hold none of it, and are let through ten times as fast.
_HINT_WORDS: Final = """token secret pass pwd key auth cookie credential mnemonic seed sign csrf pepper session otp pin
    bearer basic digest :// -----begin fl gh eyj sk- xox argon2 akia"""
_HINTS: Final = tuple(_HINT_WORDS.split())

# What is shown as it is, without a look: most of what is logged are durations and counts.
_PLAIN: Final = frozenset({int, float, bool, type(None)})

_shown: Final = reprlib.Repr()
_shown.maxother = TEXT_SEARCHED_MAX


class Redactor:
    """Makes values showable: what comes out is texts, numbers, booleans, None, lists and dicts of them, and bounded."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """``known`` are secrets that are taken out wherever they stand, whatever they look like."""
        spellings = {spelling for secret in known if len(secret) >= KNOWN_LENGTH_MIN for spelling in _spellings(secret)}
        # The longest first: one may be a part of another.
        self._known = sorted(spellings, key=len, reverse=True)
        self._names: dict[str, tuple[str, bool]] = {}

    def redact(self, value: object, depth: int = 0) -> object:
        """Make one value showable, whatever it is; doing it again changes nothing."""
        if value is None or isinstance(value, bool | int | float):
            # An enumeration of numbers shows its number.
            return value
        if isinstance(value, str):
            return self.redact_text(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return self.redact_text(bytes(value[:TEXT_SEARCHED_MAX]).decode("utf-8", "backslashreplace"))
        if isinstance(value, BaseException):
            return self.redact_text("".join(traceback.format_exception_only(value)).strip())
        if isinstance(value, Decimal):
            return str(value)
        if depth >= DEPTH_MAX:
            return "..."
        if isinstance(value, Mapping):
            return self.redact_fields(value, depth + 1)
        if isinstance(value, list | tuple | AbstractSet):
            return self._redact_items(list(value), depth + 1)
        return self.redact_text(_shown.repr_instance(value, 1))

    def redact_fields(self, fields: Mapping[object, object], depth: int = 0) -> dict[str, object]:
        """Make a dict showable: what has a secret's name has no value."""
        items = list(fields.items())
        told = fields.get("name", fields.get("field", fields.get("header")))
        named = isinstance(told, str) and is_secret_name(told)
        shown: dict[str, object] = {}
        for name, value in items[:ITEMS_MAX]:
            text, is_secret = self._read_name(name if type(name) is str else _as_name(name))
            if is_secret or (named and text == "value"):
                shown[text] = _blank(value)
            else:
                shown[text] = value if type(value) in _PLAIN else self.redact(value, depth)
        if len(items) > ITEMS_MAX:
            shown["..."] = len(items) - ITEMS_MAX
        return shown

    def redact_text(self, text: str) -> str:
        """Take the secrets out of a text, and leave the rest as it is, shortened if need be."""
        if text.isalnum() and len(text) < VENUE_SECRET_LENGTH and not self._known:
            return text
        searched = text[:TEXT_SEARCHED_MAX]
        for secret in self._known:
            searched = searched.replace(secret, STARS)
        found = _SECRET.sub(_replace, searched) if _is_suspect(searched) else searched
        if not found.isascii():
            found = found.encode("utf-8", "backslashreplace").decode("utf-8")
        return found if len(found) <= TEXT_LENGTH_MAX else f"{found[: TEXT_LENGTH_MAX - 3]}..."

    def format_error(self, error: BaseException) -> str:
        """Write an error with its causes and the lines they passed; never with values of variables."""
        told = traceback.TracebackException.from_exception(error, limit=-FRAMES_MAX, capture_locals=False, compact=True)
        return self.redact_text("".join(told.format()).rstrip())

    def _read_name(self, name: str) -> tuple[str, bool]:
        """How a name is shown, and whether it promises a secret; remembered, because most names come again."""
        known = self._names.get(name)
        if known is None:
            known = self.redact_text(name), is_secret_name(name)
            if len(self._names) < NAMES_REMEMBERED_MAX and len(name) <= NAME_LENGTH_MAX:
                self._names[name] = known
        return known

    def _redact_items(self, items: Sequence[object], depth: int) -> list[object]:
        match items:
            # A header as servers hand it over: its name and its value.
            case [str() | bytes() as name, value] if is_secret_name(_as_name(name)):
                return [self.redact(name, depth), _blank(value)]
            case _:
                shown = [self.redact(item, depth) for item in items[:ITEMS_MAX]]
                return shown if len(items) <= ITEMS_MAX else [*shown, "..."]


def redact_sentence(text: str) -> str:
    """Take out what looks like a secret. In a sentence "token: " says what is wrong with one, so names do not count."""
    return _SHAPED.sub(_replace_shape, text)


def _is_suspect(text: str) -> bool:
    lowered = text.lower()
    if any(map(lowered.__contains__, _HINTS)):
        return True
    return len(max(text.split(), key=len, default="")) >= VENUE_SECRET_LENGTH


def _replace(found: re.Match[str]) -> str:
    return _replace_shape(found) if found["name"] is None else _blank_named(found)


def _replace_shape(found: re.Match[str]) -> str:
    if found["pem"] is not None:
        return f"{STARS} private key {STARS}"
    if found["url"] is not None:
        return f"{found['url'].partition(':')[0]}:{STARS}@"
    if found["auth"] is not None:
        return f"{found['auth'].split()[0]} {STARS}"
    return STARS


def _blank_named(found: re.Match[str]) -> str:
    if not is_secret_name(found["name"]):
        # Only its name looked like one; what it holds may still be one.
        head = f"{found['name']}{found['between']}"
        return head + _SECRET.sub(_replace, found.group()[len(head) :])
    if found["quote"] is not None:
        return f"{found['name']}{found['between']}{found['slashes']}{found['quote']}{STARS}"
    return f"{found['name']}{found['between']}{STARS}"


def _blank(value: object) -> object:
    return value if value is None or isinstance(value, bool) or value in ("", b"") else STARS


def _as_name(name: object) -> str:
    if isinstance(name, bytes):
        return name.decode("utf-8", "backslashreplace")
    return name if isinstance(name, str) else _shown.repr_instance(name, 1)


def _spellings(secret: str) -> tuple[str, ...]:
    """As it is, as JSON writes it, and as it stands in an address."""
    return secret, json.dumps(secret)[1:-1], quote(secret, safe="")
