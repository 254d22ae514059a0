"""Names that people choose, and the one form of a refusal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from fairlead.accounts.near_names import unknown_text

NAME_LENGTH_MAX: Final = 64
USERNAME_LENGTH_MAX: Final = 32
PASSWORD_LENGTH_MIN: Final = 12
PASSWORD_LENGTH_MAX: Final = 256

# Letters and digits of any language; an underscore counts as neither.
_NAME: Final = re.compile(r"[^\W_](?:[\w .-]*[^\W_])?")
_USERNAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was changed; ``message`` is one sentence that says why and what to do."""

    message: str


def check_username(name: str) -> Refused | None:
    """Refuse what is awkward to type or to tell apart."""
    if len(name) <= USERNAME_LENGTH_MAX and _USERNAME.fullmatch(name):
        return None
    return Refused(
        message=f"username {name!r} must be up to {USERNAME_LENGTH_MAX} of a-z, 0-9, dot, dash and underscore, "
        "and begin with a letter or digit",
    )


def check_password(password: str) -> Refused | None:
    """Refuse what can be guessed in an afternoon, or takes long to digest."""
    if PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        return None
    return Refused(
        message=f"a password must have {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters; --generate makes one",
    )


def check_name(what: str, name: str) -> Refused | None:
    """Refuse names that would need quoting somewhere: in a list, a shell, a path, an alert or a log line.

    ``what`` is the field, as in "hook name".
    """
    if len(name) <= NAME_LENGTH_MAX and _NAME.fullmatch(name):
        return None
    return Refused(
        message=f"{what} {name!r} must be 1 to {NAME_LENGTH_MAX} letters, digits, spaces, dots, dashes and "
        "underscores, and begin and end with a letter or digit",
    )


def check_zone(name: str) -> Refused | None:
    """Refuse what is no time zone of the IANA database."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return Refused(message=f"there is no time zone {name!r}; write for example Europe/Berlin or UTC")
    return None


def unknown(what: str, name: str, known: Iterable[str]) -> Refused:
    """Say that a name is not there, with the nearest one that is."""
    return Refused(message=unknown_text(what, name, known))
