"""What things are worth now: currencies in USD, open profit, equity, and the cash that is really free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from fairlead.core.model.account import MarginMode, Position
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.core.model.money import ONE, USD_CURRENCIES, ZERO
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.margin import initial_margin
from fairlead.core.rules.position_values import PositionValues, mark_price

__all__ = ["available_of", "entry_margin", "equity_usd", "is_traded", "is_usd", "lacks_price", "mark_price", "usd_rate"]


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


def lacks_price(
    book: AccountBook,
    quotes: Mapping[str, Quote],
    instruments: Mapping[str, Instrument],
) -> bool:
    """Whether cash that is traded for dollars has no price now, so that equity is not what it seems."""
    return any(
        balance.total and usd_rate(currency, quotes) is None and is_traded(currency, instruments)
        for currency, balance in book.balances.items()
    )


def equity_usd(
    book: AccountBook,
    quotes: Mapping[str, Quote],
    instruments: Mapping[str, Instrument],
    values: PositionValues | None = None,
) -> Decimal | None:
    """Cash and open profit in USD; None if a position cannot be valued. Cash without a price counts as nothing.

    ``values`` are those of the book's positions, where somebody has them already.
    """
    values = values or PositionValues(book.positions, quotes, instruments)
    if values.has_unknown or values.unpriced:
        return None
    equity = ZERO
    for currency, balance in book.balances.items():
        rate = usd_rate(currency, quotes) if balance.total else None
        if rate is not None:
            equity += balance.total * rate
    for currency, sums in values.sums.items():
        rate = usd_rate(currency, quotes)
        if rate is None:
            return None
        equity += sums.pnl * rate
    return equity


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


def available_of(view: AccountView, currency: str, values: PositionValues | None = None) -> Decimal | None:
    """Cash of a currency that a new order may use, never below zero; None if a position in it cannot be valued.

    Free of what open orders and isolated margin hold (both in ``reserved``), of the initial margin of cross positions
    at the mark, and of their open loss; an open profit is not spent before it is realised. ``values`` are those of the
    account's positions, where somebody has them already.
    """
    values = values or PositionValues(view.book.positions, view.quotes, view.instruments)
    if values.has_unknown or (currency, MarginMode.CROSS) in values.unpriced:
        return None
    balance = view.book.balances.get(currency)
    available = ZERO if balance is None else balance.available
    sums = values.sums.get(currency)
    if sums is not None:
        available += min(ZERO, sums.cross_pnl) - sums.cross_margin
    return max(ZERO, available)


def _usd_markets(currency: str) -> tuple[str, ...]:
    return f"{currency}-USDT", f"{currency}-USDC", f"{currency}-USD-SWAP"
