"""What became of one try to send, as values; why it failed never holds a secret."""

from __future__ import annotations

from urllib.parse import quote

import msgspec


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """The channel took it."""


class Postponed(msgspec.Struct, frozen=True, kw_only=True):
    """The channel asks for patience: nothing is wrong with the message, and no try is used up."""

    wait_ms: int
    reason: str


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """It may work later."""

    reason: str


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """It will not work until somebody changes something."""

    reason: str


Outcome = Delivered | Postponed | Failed | Refused


def redact(text: str, *secrets: str) -> str:
    """Blank secrets in a text, as they are and as they stand in a URL."""
    for secret in filter(None, secrets):
        for written in (secret, quote(secret), quote(secret, safe="")):
            text = text.replace(written, "***")
    return text
