"""Reads the fields of a bot of another product, and remembers which of them were looked at: the others are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.preview import Finding
from fairlead.core.model.money import AmountError, format_amount, parse_amount

UNKNOWN: Final = "nothing here does what it stands for"
_SAYS_NOTHING: Final[tuple[object, ...]] = ("", None, False, [], {}, 0, "0", "0.0", "false")
_TRUE: Final[tuple[object, ...]] = (True, "true")
_FALSE: Final[tuple[object, ...]] = (False, "false")


class ImportFault(ValueError):  # noqa: N818  # what is wrong lies in the file, not in us
    """A field that makes no bot: the message names field, value and rule."""

    def __init__(self, message: str, finding: Finding | None = None) -> None:
        """``finding`` is the same taken apart, where it is about one field."""
        super().__init__(message)
        self.finding = finding


class LeftOut(msgspec.Struct, frozen=True):
    """A field that was not carried over as it is, its value, and why or what stands for it now."""

    field: str
    value: str
    why: str


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """A bot of another product as settings; ``symbol`` is as OKX names it, empty when the file names none or several.

    ``assumed`` are sentences about what the other product does not say, and how it was read.
    """

    source: str
    name: str
    symbol: str
    settings: Settings
    left_out: tuple[LeftOut, ...]
    assumed: tuple[str, ...] = ()


def imported_values(imported: Imported) -> dict[str, Any]:
    """The same as plain values; its settings are what ``to_settings`` reads."""
    plain: dict[str, Any] = msgspec.to_builtins(imported)
    return plain


class Fields:
    """One object of a file."""

    def __init__(self, values: Mapping[str, Any], at: str = "") -> None:
        """Read these values; ``at`` is what their names are told with."""
        self._values = values
        self._at = at
        self._read: set[str] = set()
        self._told: list[LeftOut] = []

    def __contains__(self, name: str) -> bool:
        """Whether the field is there and is not null."""
        return self._values.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        """A word."""
        value = self._take(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.fault(name, "must be a text")
        return value

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """One of some words."""
        value = self.text(name, default) or default
        if value not in choices:
            raise self.fault(name, f"must be one of {', '.join(choices)}")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Yes or no."""
        value = self._take(name)
        if value is None:
            return default
        if value not in (*_TRUE, *_FALSE):
            raise self.fault(name, "must be true or false")
        return value in _TRUE

    def number(self, name: str) -> Decimal | None:
        """A number, exactly as it is written; None when it is missing, null or empty."""
        value = self._take(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
            raise self.fault(name, "must be a number")
        try:
            return parse_amount(str(value))
        except AmountError as error:
            raise self.fault(name, "must be a number") from error

    def positive(self, name: str) -> Decimal:
        """A number above zero, which must be there."""
        value = self.number(name)
        if value is None or value <= 0:
            raise self.fault(name, "must be a number above 0")
        return value

    def count(self, name: str, default: int = 0) -> int:
        """A whole number, not negative."""
        value = self.number(name)
        if value is None:
            return default
        if value < 0 or value != value.to_integral_value():
            raise self.fault(name, "must be a whole number, not negative")
        return int(value)

    def rows(self, name: str) -> list[Fields]:
        """A list of objects."""
        value = self._take(name) or []
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.fault(name, "must be a list of objects")
        return [Fields(one, f"{name}[{number}].") for number, one in enumerate(value, 1)]

    def plain(self, name: str) -> Any:  # noqa: ANN401  # whatever JSON may hold
        """Whatever it is."""
        return self._take(name)

    def leave(self, name: str, why: str) -> None:
        """Tell that a field was not carried over as it is; one that says nothing needs no word."""
        value = self._take(name)
        if value not in _SAYS_NOTHING:
            self._told.append(LeftOut(self._at + name, _show(value), why))

    def left_out(self, *parts: Fields, says_nothing: Sequence[str] = (), why: str = "") -> tuple[LeftOut, ...]:
        """Everything that was left out: what was told, here and in parts, and every field that nobody looked at.

        ``says_nothing`` are fields for which ``why`` is the reason.
        """
        for name in self._values:
            if name not in self._read:
                self.leave(name, why if name in says_nothing else UNKNOWN)
        return (*self._told, *(one for part in parts for one in part.left_out()))

    def fault(self, name: str, rule: str) -> ImportFault:
        """What to raise about a field."""
        value = self._values.get(name)
        shown = "missing" if value is None else _show(value)
        return ImportFault(f"{self._at}{name} = {shown}: {rule}", Finding(f"{self._at}{name}", shown, rule))

    def _take(self, name: str) -> Any:  # noqa: ANN401  # whatever JSON may hold
        self._read.add(name)
        return self._values.get(name)


def _show(value: Any) -> str:  # noqa: ANN401  # whatever JSON may hold
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return format_amount(value)
    return msgspec.json.encode(value).decode()
