"""Instruments, prices, books and trades as OKX writes them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from fairlead.core.model.instrument import Instrument, InstrumentState
from fairlead.core.model.money import ONE, ZERO, format_amount
from fairlead.simulator.market import PublicTrade
from fairlead.simulator.okx.bars import DAY_MS, bar_open
from fairlead.simulator.okx.candles import Bar
from fairlead.simulator.okx.catalogue import contract_currency, family_of, type_of

if TYPE_CHECKING:
    from fairlead.simulator.okx.venue import OkxVenue

LISTED_MS: Final = 1_600_000_000_000
"""Every instrument of this exchange has been listed since then."""

_STATES: Final = {InstrumentState.LIVE: "live", InstrumentState.SUSPENDED: "suspend"}
_ORDERS_AT_A_LEVEL: Final = "1"
_INSTRUMENT_NOT_USED: Final = {
    "alias": "",
    "auctionEndTime": "",
    "category": "1",
    "contTdSwTime": "",
    "expTime": "",
    "futureSettlement": False,
    "groupId": "1",
    "instCategory": "1",
    "openType": "",
    "optType": "",
    "preMktSwTime": "",
    "ruleType": "normal",
    "stk": "",
    "tradeQuoteCcyList": [],
    "upcChg": [],
}
FUNDING_METHOD: Final = "current_period"

Levels = tuple[tuple[Decimal, Decimal], ...]


def instrument_row(venue: OkxVenue, instrument: Instrument) -> dict[str, Any]:
    """The row of ``GET /public/instruments``."""
    is_spot = instrument.is_spot
    limit_max, market_max = format_amount(instrument.limit_quantity_max), format_amount(instrument.market_quantity_max)
    band = format_amount(venue.exchange.markets.band(instrument.symbol))
    return {
        **_INSTRUMENT_NOT_USED,
        "instType": type_of(instrument),
        "instId": instrument.symbol,
        "instIdCode": venue.catalogue.code_of(instrument.symbol),
        "instFamily": family_of(instrument),
        "uly": family_of(instrument),
        "baseCcy": instrument.base_currency if is_spot else "",
        "quoteCcy": instrument.quote_currency if is_spot else "",
        "settleCcy": "" if is_spot else instrument.settle_currency,
        "ctVal": "" if is_spot else format_amount(instrument.contract_value),
        "ctMult": "" if is_spot else "1",
        "ctValCcy": contract_currency(instrument),
        "ctType": "" if is_spot else "inverse" if instrument.is_inverse else "linear",
        "lever": "" if is_spot else format_amount(instrument.leverage_max),
        "tickSz": format_amount(instrument.tick_size),
        "lotSz": format_amount(instrument.lot_size),
        "minSz": format_amount(instrument.quantity_min),
        "maxLmtSz": limit_max,
        "maxMktSz": market_max,
        "maxLmtAmt": "20000000",
        "maxMktAmt": "1000000" if is_spot else "",
        "maxTwapSz": limit_max,
        "maxIcebergSz": limit_max,
        "maxTriggerSz": limit_max,
        "maxStopSz": market_max,
        "listTime": str(LISTED_MS),
        "state": _STATES[instrument.state],
        "initPxLmtPct": "" if is_spot else band,
        "floatPxLmtPct": "" if is_spot else band,
        "maxPxLmtPct": "" if is_spot else band,
    }


def ticker_row(venue: OkxVenue, instrument: Instrument) -> dict[str, Any]:
    """The row of ``GET /market/ticker`` and of its channel."""
    symbol, now_ms = instrument.symbol, venue.now_ms()
    quote = venue.exchange.markets.quote(symbol)
    day = venue.markets.candles[symbol].since(now_ms - DAY_MS)
    trades = venue.exchange.markets.trades(symbol)
    return {
        "instType": type_of(instrument),
        "instId": symbol,
        "last": format_amount(quote.last),
        "lastSz": format_amount(trades[-1].quantity) if trades else "0",
        "askPx": _price(quote.ask),
        "askSz": format_amount(quote.ask_quantity),
        "bidPx": _price(quote.bid),
        "bidSz": format_amount(quote.bid_quantity),
        "open24h": format_amount(day.open),
        "high24h": format_amount(day.high),
        "low24h": format_amount(day.low),
        "vol24h": format_amount(day.volume),
        "volCcy24h": format_amount(coin_volume(instrument, day)),
        **_day_opens(venue, symbol),
        "ts": str(quote.at_ms),
    }


def index_row(venue: OkxVenue, instrument: Instrument, name: str) -> dict[str, Any]:
    """The row of ``GET /market/index-tickers`` and of its channel."""
    day = venue.markets.candles[instrument.symbol].since(venue.now_ms() - DAY_MS)
    quote = venue.exchange.markets.quote(instrument.symbol)
    return {
        "instId": name,
        "idxPx": format_amount(quote.index),
        "open24h": format_amount(day.open),
        "high24h": format_amount(day.high),
        "low24h": format_amount(day.low),
        **_day_opens(venue, instrument.symbol),
        "ts": str(quote.at_ms),
    }


def mark_row(venue: OkxVenue, instrument: Instrument) -> dict[str, str]:
    """The row of ``GET /public/mark-price`` and of its channel."""
    quote = venue.exchange.markets.quote(instrument.symbol)
    return {
        "instType": type_of(instrument),
        "instId": instrument.symbol,
        "markPx": format_amount(quote.mark),
        "ts": str(quote.at_ms),
    }


def price_limit_row(venue: OkxVenue, instrument: Instrument) -> dict[str, Any]:
    """The row of ``GET /public/price-limit`` and of its channel."""
    limits = venue.exchange.markets.price_limits(instrument.symbol)
    return {
        "instType": type_of(instrument),
        "instId": instrument.symbol,
        "buyLmt": format_amount(limits.highest_buy),
        "sellLmt": format_amount(limits.lowest_sell),
        "ts": str(venue.now_ms()),
        "enabled": True,
    }


def funding_row(venue: OkxVenue, instrument: Instrument) -> dict[str, str]:
    """The row of ``GET /public/funding-rate`` and of its channel."""
    markets = venue.exchange.markets
    now = markets.funding(instrument.symbol)
    interval = markets.funding_interval_ms
    settled = markets.funding_rate_at(instrument.symbol, now.at_ms - interval)
    limit = format_amount(markets.funding_rate_max)
    quote = markets.quote(instrument.symbol)
    premium = (quote.mark - quote.index) / quote.index if quote.index else ZERO
    return {
        "instType": type_of(instrument),
        "instId": instrument.symbol,
        "formulaType": "noRate",
        "method": FUNDING_METHOD,
        "fundingRate": format_amount(now.rate),
        "fundingTime": str(now.at_ms),
        "nextFundingRate": "",
        "nextFundingTime": str(now.at_ms + interval),
        "maxFundingRate": limit,
        "minFundingRate": f"-{limit}",
        "impactValue": "10000",
        "interestRate": "0.0001",
        "premium": format_amount(round(premium, 16)),
        "settFundingRate": format_amount(settled),
        "settState": "settled",
        "ts": str(venue.now_ms()),
    }


def trade_row(symbol: str, trade: PublicTrade) -> dict[str, Any]:
    """The row of ``GET /market/trades``; ``side`` is the taker's."""
    return {
        "instId": symbol,
        "side": trade.side.value,
        "sz": format_amount(trade.quantity),
        "px": format_amount(trade.price),
        "source": "0",
        "tradeId": str(trade.number),
        "ts": str(trade.at_ms),
    }


def level_rows(levels: Levels) -> list[list[str]]:
    """One side of a book: price, quantity, always 0, number of orders."""
    return [[format_amount(price), format_amount(size), "0", _ORDERS_AT_A_LEVEL] for price, size in levels]


def candle_row(instrument: Instrument, bar: Bar, *, is_over: bool) -> list[str]:
    """One candle as a list."""
    amounts = (bar.open, bar.high, bar.low, bar.close, bar.volume, coin_volume(instrument, bar), bar.turnover)
    return [str(bar.open_ms), *(format_amount(amount) for amount in amounts), "1" if is_over else "0"]


def tier_row(instrument: Instrument) -> dict[str, str]:
    """The row of ``GET /public/position-tiers``: this exchange has one tier."""
    return {
        "tier": "1",
        "minSz": "0",
        "maxSz": format_amount(instrument.limit_quantity_max),
        "imr": format_amount(round(ONE / instrument.leverage_max, 16)),
        "mmr": format_amount(instrument.maintenance_margin_rate),
        "maxLever": format_amount(instrument.leverage_max),
        "instFamily": family_of(instrument),
        "uly": family_of(instrument),
        "instId": "" if family_of(instrument) else instrument.symbol,
        "optMgnFactor": "0",
        "quoteMaxLoan": "",
        "baseMaxLoan": "",
    }


def coin_volume(instrument: Instrument, bar: Bar) -> Decimal:
    """Return ``volCcy``: base coins of a perpetual, quote currency of spot."""
    if instrument.is_spot:
        return bar.turnover
    if instrument.is_inverse:
        return round(bar.volume * instrument.contract_value / bar.close, 16)
    return bar.volume * instrument.contract_value


def _day_opens(venue: OkxVenue, symbol: str) -> dict[str, str]:
    candles, now_ms = venue.markets.candles[symbol], venue.now_ms()
    return {
        "sodUtc0": format_amount(candles.since(bar_open("1Dutc", now_ms)).open),
        "sodUtc8": format_amount(candles.since(bar_open("1D", now_ms)).open),
    }


def _price(price: Decimal) -> str:
    return format_amount(price) if price else ""
