"""What things are worth now: currencies in USD, open profit, equity, and the cash that is really free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from fairlead.core.model.account import MarginMode, Position
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.margin import initial_margin, profit

# Taken at par: a de-pegged stable coin is outside what these rules can see.
USD_CURRENCIES: Final = frozenset({"USD", "USDT", "USDC"})


def is_usd(currency: str) -> bool:
    """Whether one unit counts as one dollar."""
    return currency in USD_CURRENCIES


def mark_price(quote: Quote | None) -> Decimal | None:
    """Price at which a holding is valued: the mark, else the middle of the book, else the last trade."""
    if quote is None:
        return None
    if quote.mark > ZERO:
        return quote.mark
    if quote.bid > ZERO and quote.ask > ZERO:
        return quote.mid
    return quote.last if quote.last > ZERO else None


def usd_rate(currency: str, quotes: Mapping[str, Quote]) -> Decimal | None:
    """Dollars for one unit of a currency, by its spot market or else its inverse perpetual; None without a price."""
    if currency in USD_CURRENCIES:
        return ONE
    for symbol in (f"{currency}-USDT", f"{currency}-USDC", f"{currency}-USD-SWAP"):
        rate = mark_price(quotes.get(symbol))
        if rate is not None:
            return rate
    return None


def unrealized_pnl(position: Position, instrument: Instrument, quotes: Mapping[str, Quote]) -> Decimal | None:
    """Profit of a position at the mark price, in its settle currency; None without a price."""
    price = mark_price(quotes.get(position.symbol))
    if price is None:
        return None
    return profit(instrument, position.signed_quantity, position.entry_price, price)


def equity_usd(
    book: AccountBook,
    quotes: Mapping[str, Quote],
    instruments: Mapping[str, Instrument],
) -> Decimal | None:
    """Cash and open profit in USD; None if a position cannot be valued. Cash without a price counts as nothing."""
    equity = ZERO
    for currency, balance in book.balances.items():
        rate = usd_rate(currency, quotes) if balance.total else None
        if rate is not None:
            equity += balance.total * rate
    for position in book.positions.values():
        instrument = instruments.get(position.symbol)
        gain = None if instrument is None else unrealized_pnl(position, instrument, quotes)
        rate = None if instrument is None else usd_rate(instrument.settle_currency, quotes)
        if gain is None or rate is None:
            return None
        equity += gain * rate
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


def available_of(view: AccountView, currency: str) -> Decimal | None:
    """Cash of a currency that a new order may use, never below zero; None if a position in it cannot be valued.

    Free of what open orders and isolated margin hold (both in ``reserved``), of the initial margin of cross positions
    at the mark, and of their open loss; an open profit is not spent before it is realised.
    """
    balance = view.book.balances.get(currency)
    available = ZERO if balance is None else balance.available
    open_pnl = ZERO
    for position in view.book.positions.values():
        instrument = view.instruments.get(position.symbol)
        if instrument is None:
            return None
        if instrument.settle_currency != currency or position.margin_mode is MarginMode.ISOLATED:
            continue
        price = mark_price(view.quotes.get(position.symbol))
        if price is None:
            return None
        available -= initial_margin(instrument, position.quantity, price, position.leverage or ONE)
        open_pnl += profit(instrument, position.signed_quantity, position.entry_price, price)
    return max(ZERO, available + min(ZERO, open_pnl))
