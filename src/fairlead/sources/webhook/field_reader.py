"""Walks through the fields of an alert and collects everything that is wrong with them, not only the first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeVar

from fairlead.sources.webhook.alert import FieldError, Malformed
from fairlead.sources.webhook.field_values import CONTROL_CHARACTER, FieldRuleError

VALUE_SHOWN_MAX: Final = 40
SECRET_PIECE_LENGTH: Final = 8
NO_NAME: Final = "(a field without a name)"

# Left out they mean the wider or the riskier thing: a live order, every account, the whole position. A sender whose
# variable was empty did not ask for that.
NEVER_NULL: Final = frozenset({"dryRun", "closePosition", "reduceOnly", "accounts", "closeScope", "positionSide"})

T = TypeVar("T")


class FieldReader:
    """A body under examination."""

    def __init__(self, body: Mapping[str, object], secrets: Collection[str] = ()) -> None:
        """Begin with a parsed body; ``secrets`` are never shown."""
        self.errors: list[FieldError] = []
        self.warnings: list[str] = []
        self._body = body
        self._secrets = tuple(secrets)

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._body.get(name) is not None

    def read(self, name: str, parse: Callable[[object], T], *, required: bool = False) -> T | None:
        """Read a field; None when it is absent, null or wrong. What is wrong, or absent though required, is noted.

        Null is as good as absent, except for the fields of ``NEVER_NULL``.
        """
        value = self._body.get(name)
        if value is not None:
            try:
                return parse(value)
            except FieldRuleError as error:
                self.fail(name, str(error))
        elif name in NEVER_NULL and name in self._body:
            self.fail(name, "must not be null: say what is meant, or leave the field out")
        elif required:
            self.fail(name, "is required")
        return None

    def fail(self, name: str, rule: str) -> None:
        """Note what is wrong with a field."""
        value = self.shorten(self._body[name]) if name in self._body else ""
        self.errors.append(FieldError(field=self.shorten(name) or NO_NAME, value=value, rule=rule))

    def warn(self, text: str) -> None:
        """Note what the sender should know though it does no harm."""
        self.warnings.append(text)

    def shorten(self, value: object) -> str:
        """Write a value for a message: short, printable, and without secrets."""
        match value:
            case None:
                return "null"
            case bool():
                return str(value).lower()
            case str():
                text = str(value)
            case list():
                return "a list"
            case _:
                return "an object"
        if any(_shares_a_piece(text, secret) for secret in self._secrets):
            return "***"
        shown = text if len(text) <= VALUE_SHOWN_MAX else f"{text[:VALUE_SHOWN_MAX]}..."
        return CONTROL_CHARACTER.sub("?", shown)


def cover_secrets(malformed: Malformed, secrets: Collection[str]) -> Malformed:
    """Put stars over every name and value that shows a piece of a secret."""

    def cover(text: str) -> str:
        return "***" if any(_shares_a_piece(text, secret) for secret in secrets) else text

    details = tuple(
        FieldError(field=cover(detail.field), value=cover(detail.value), rule=detail.rule)
        for detail in malformed.details
    )
    return Malformed(error=malformed.error, details=details)


def _shares_a_piece(text: str, secret: str) -> bool:
    """Whoever sees a piece of a secret is closer to it, so the whole value must go."""
    pieces = range(len(secret) - SECRET_PIECE_LENGTH + 1)
    return any(secret[start : start + SECRET_PIECE_LENGTH] in text for start in pieces)
