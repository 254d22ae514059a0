"""Double entry: whatever an account gains, an account of the house loses, so cash is neither made nor lost."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from fairlead.core.model.money import ZERO

if TYPE_CHECKING:
    from fairlead.simulator.account import Account


class House(StrEnum):
    """The exchange's own accounts: the world outside, fees, the makers it clears for, funding, insurance."""

    OUTSIDE = "outside"
    FEES = "fees"
    CLEARING = "clearing"
    FUNDING = "funding"
    INSURANCE = "insurance"


class Entry(NamedTuple):
    """One currency, one amount."""

    currency: str
    amount: Decimal


class Ledger:
    """Books of the house, per account and currency."""

    __slots__ = ("house",)

    def __init__(self) -> None:
        """Start at zero."""
        self.house: dict[House, dict[str, Decimal]] = {name: {} for name in House}

    def post(self, account: Account, entry: Entry, against: House) -> None:
        """Move cash between an account and the house; positive is to the account."""
        currency, amount = entry
        account.totals[currency] = account.totals.get(currency, ZERO) + amount
        books = self.house[against]
        books[currency] = books.get(currency, ZERO) - amount

    def move(self, entry: Entry, *, source: House, target: House) -> None:
        """Move cash within the house."""
        currency, amount = entry
        self.house[source][currency] = self.house[source].get(currency, ZERO) - amount
        self.house[target][currency] = self.house[target].get(currency, ZERO) + amount

    def balance(self, house: House, currency: str) -> Decimal:
        """What a house account holds; negative when it has paid out more than it got."""
        return self.house[house].get(currency, ZERO)
