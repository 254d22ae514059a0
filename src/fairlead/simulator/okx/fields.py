"""Parameters of a request, read as leniently as OKX reads them, whatever its many clients send."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Final

from fairlead.core.model.money import format_amount, parse_amount
from fairlead.simulator.okx.codes import GatewayCode, fault, wrong

_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0"})


class Fields:
    """The parameters of one request or of one item of a batch.

    ``null`` and ``""`` mean absent; numbers stand for strings. Each reader names the parameter that it refuses.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, object]) -> None:
        """Read from a query or from a JSON object."""
        self._values = values

    def text(self, name: str, default: str = "") -> str:
        """A parameter as text, or the default when it is absent.

        Raises:
            OkxError: 51000, it is a list or an object.
        """
        match self._values.get(name):
            case None | "":
                return default
            case bool() as flag:
                return "true" if flag else "false"
            case str() as text:
                return text
            case Decimal() as number:
                return format_amount(number)
            case int() | float() as number:
                return str(number)
            case _:
                raise wrong(name)

    def required(self, name: str) -> str:
        """A parameter that must be there.

        Raises:
            OkxError: 50014, it is absent; 51000, it is no text.
        """
        text = self.text(name)
        if not text:
            raise fault(GatewayCode.PARAMETER_EMPTY, name=name)
        return text

    def choice(self, name: str, allowed: Collection[str], default: str = "") -> str:
        """One of a closed set.

        Raises:
            OkxError: 51000, it is none of them.
        """
        text = self.text(name, default)
        if text and text not in allowed:
            raise wrong(name)
        return text

    def amount(self, name: str) -> Decimal | None:
        """A decimal number, or None when it is absent.

        Raises:
            OkxError: 51000, it is none.
        """
        text = self.text(name)
        if not text:
            return None
        try:
            return parse_amount(text)
        except ValueError:
            raise wrong(name) from None

    def positive(self, name: str) -> Decimal:
        """A decimal number above zero that must be there.

        Raises:
            OkxError: 50014, it is absent; 51000, it is not above zero.
        """
        self.required(name)
        amount = self.amount(name)
        if amount is None or amount <= 0:
            raise wrong(name)
        return amount

    def whole(self, name: str, default: int = 0) -> int:
        """A whole number from zero on.

        Raises:
            OkxError: 51000, it is none.
        """
        text = self.text(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit()):
            raise wrong(name)
        return int(text)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Yes or no, also written as text.

        Raises:
            OkxError: 51000, it is neither.
        """
        text = self.text(name).lower()
        if not text:
            return default
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        raise wrong(name)

    def names(self, name: str, maximum: int) -> tuple[str, ...]:
        """A list joined by commas.

        Raises:
            OkxError: 51000, it has more items than the maximum.
        """
        items = tuple(item for item in self.text(name).split(",") if item)
        if len(items) > maximum:
            raise wrong(name)
        return items

    def items(self, name: str) -> list[Fields]:
        """A list of objects, empty when it is absent.

        Raises:
            OkxError: 51000, it is something else.
        """
        match self._values.get(name):
            case None | "":
                return []
            case list() as rows:
                return [fields_of(row, name) for row in rows]
            case _:
                raise wrong(name)


def fields_of(value: object, name: str) -> Fields:
    """Read an object that is part of a body.

    Raises:
        OkxError: 51000, it is no object.
    """
    if not isinstance(value, dict):
        raise wrong(name)
    return Fields(value)
