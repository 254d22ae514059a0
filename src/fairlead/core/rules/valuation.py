"""What things are worth now: currencies in USD, open profit, equity, and the cash that is really free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model.account import MarginMode, Position
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.core.model.money import ONE, USD_CURRENCIES, ZERO, floor_to_decimals
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.margin import initial_margin
from fairlead.core.rules.position_values import PositionValues, mark_price

__all__ = [
    "AccountWorth",
    "available_of",
    "entry_margin",
    "is_traded",
    "is_usd",
    "mark_price",
    "usd_rate",
    "valued_by",
    "worth_of",
]

EQUITY_STEP: Final = Decimal("1E-8")


def is_usd(currency: str) -> bool:
    """Whether one unit counts as one dollar."""
    return currency in USD_CURRENCIES


def usd_rate(currency: str, quotes: Mapping[str, Quote]) -> Decimal | None:
    """Dollars for one unit of a currency, by its spot market or else its inverse perpetual; None without a price."""
    if currency in USD_CURRENCIES:
        return ONE
    for symbol in _usd_markets(currency):
        rate = mark_price(quotes.get(symbol))
        if rate is not None:
            return rate
    return None


def is_traded(currency: str, instruments: Mapping[str, Instrument]) -> bool:
    """Whether there is a market that says what a currency is worth in dollars."""
    return any(symbol in instruments for symbol in _usd_markets(currency))


def valued_by(book: AccountBook, instruments: Mapping[str, Instrument]) -> tuple[str, ...]:
    """Symbols of the listed markets whose prices say what a book is worth, positions first."""
    wanted = [symbol for symbol, _ in book.positions]
    settled = [instruments[symbol].settle_currency for symbol in wanted if symbol in instruments]
    held = [currency for currency, balance in book.balances.items() if balance.total]
    for currency in (*settled, *held):
        if currency not in USD_CURRENCIES:
            wanted += [symbol for symbol in _usd_markets(currency) if symbol in instruments][:1]
    return tuple(dict.fromkeys(symbol for symbol in wanted if symbol in instruments))


class AccountWorth(msgspec.Struct, frozen=True):
    """What an account is worth at the quotes of one moment; all who decide then share it.

    ``equity_usd`` is cash and open profit, rounded down to 8 decimals: a quotient of inverse contracts may have 38
    digits, and a limit is the same or less in 8. None if a position cannot be valued; cash without a price counts as
    nothing, and ``lacks_price`` tells that some of it is traded for dollars and has no price only now.
    """

    positions: PositionValues
    equity_usd: Decimal | None
    lacks_price: bool


def worth_of(book: AccountBook, quotes: Mapping[str, Quote], instruments: Mapping[str, Instrument]) -> AccountWorth:
    """Value a book."""
    positions = PositionValues(book.positions, quotes, instruments)
    equity, lacks_price = ZERO, False
    for currency, balance in book.balances.items():
        if not balance.total:
            continue
        rate = usd_rate(currency, quotes)
        if rate is not None:
            equity += balance.total * rate
        elif is_traded(currency, instruments):
            lacks_price = True
    is_known = not positions.has_unknown and not positions.unpriced
    for currency, sums in positions.sums.items():
        rate = usd_rate(currency, quotes)
        if rate is None:
            is_known = False
        else:
            equity += sums.pnl * rate
    return AccountWorth(positions, floor_to_decimals(equity, EQUITY_STEP) if is_known else None, lacks_price)


def entry_margin(positions: Iterable[Position], instruments: Mapping[str, Instrument], currency: str) -> Decimal:
    """Initial margin of the positions that a currency settles, at their entry prices; where no price of now is known.

    Positions of an instrument that is not in the list count as nothing.
    """
    margin = ZERO
    for position in positions:
        instrument = instruments.get(position.symbol)
        if position.quantity and instrument is not None and instrument.settle_currency == currency:
            margin += initial_margin(instrument, position.quantity, position.entry_price, position.leverage or ONE)
    return margin


def available_of(book: AccountBook, currency: str, values: PositionValues) -> Decimal | None:
    """Cash of a currency that a new order may use, never below zero; None if a position in it cannot be valued.

    Free of what open orders and isolated margin hold (both in ``reserved``), of the initial margin of cross positions
    at the mark, and of their open loss; an open profit is not spent before it is realised. ``values`` are those of the
    book's positions.
    """
    if values.has_unknown or (currency, MarginMode.CROSS) in values.unpriced:
        return None
    balance = book.balances.get(currency)
    available = ZERO if balance is None else balance.available
    sums = values.sums.get(currency)
    if sums is not None:
        available += min(ZERO, sums.cross_pnl) - sums.cross_margin
    return max(ZERO, available)


def _usd_markets(currency: str) -> tuple[str, ...]:
    return f"{currency}-USDT", f"{currency}-USDC", f"{currency}-USD-SWAP"
