"""Prices, books, trades and candles (OKX API v5)."""

from __future__ import annotations

from typing import Final

from fairlead.core.model.instrument import Instrument
from fairlead.simulator.okx.bars import BARS
from fairlead.simulator.okx.catalogue import INSTRUMENT_TYPES, family_of, index_of, type_of
from fairlead.simulator.okx.codes import GatewayCode, fault, wrong
from fairlead.simulator.okx.endpoint import Answer, Call, Endpoint, Handler, answer_rows
from fairlead.simulator.okx.market_watch import BOOK_LEVELS
from fairlead.simulator.okx.paging import Entry, Paging, cut
from fairlead.simulator.okx.rows.market import candle_row, index_row, level_rows, ticker_row, trade_row
from fairlead.simulator.okx.windows import RateLimit, Scope

CANDLES_MAX: Final = 300
CANDLES_USUAL: Final = 100
NEWEST_CANDLES: Final = 1_440
"""``market/candles`` reaches back this far, ``history-candles`` further."""
TRADES_MAX: Final = 500
TRADES_USUAL: Final = 100
_BY_TRADE: Final = Paging(limit_max=100, near_before=False)
_FAR_MS: Final = 10**15


def _ticker(call: Call) -> Answer:
    return answer_rows([ticker_row(call.venue, call.venue.catalogue.wanted(call.fields))])


def _tickers(call: Call) -> Answer:
    call.fields.required("instType")
    kind = call.fields.choice("instType", INSTRUMENT_TYPES)
    family = call.fields.text("instFamily") or call.fields.text("uly")
    return answer_rows(
        [
            ticker_row(call.venue, instrument)
            for instrument in call.venue.catalogue.all()
            if type_of(instrument) == kind and family in {"", family_of(instrument)}
        ]
    )


def _book(call: Call) -> Answer:
    instrument = call.venue.catalogue.wanted(call.fields)
    depth = call.fields.whole("sz", 1)
    if not 1 <= depth <= BOOK_LEVELS:
        raise wrong("sz")
    book, number = call.venue.markets.book(instrument.symbol)
    row = {
        "asks": level_rows(book.asks[:depth]),
        "bids": level_rows(book.bids[:depth]),
        "ts": str(call.now_ms),
        "seqId": number,
    }
    return answer_rows([row])


def _trades(call: Call) -> Answer:
    instrument = call.venue.catalogue.wanted(call.fields)
    limit = call.fields.whole("limit", TRADES_USUAL)
    if not 1 <= limit <= TRADES_MAX:
        raise wrong("limit")
    newest = call.venue.exchange.markets.trades(instrument.symbol)[-limit:]
    return answer_rows([trade_row(instrument.symbol, trade) for trade in reversed(newest)])


def _history_trades(call: Call) -> Answer:
    instrument = call.venue.catalogue.wanted(call.fields)
    is_by_time = call.fields.choice("type", {"1", "2"}, "1") == "2"
    entries = [
        Entry(number=trade.number, at_ms=trade.at_ms, item=trade)
        for trade in call.venue.exchange.markets.trades(instrument.symbol)
    ]
    paging = Paging(limit_max=100, near_before=False, by_time=True) if is_by_time else _BY_TRADE
    return answer_rows([trade_row(instrument.symbol, trade) for trade in cut(entries, call.fields, paging)])


def _candles(reach: int) -> Handler:
    def answer(call: Call) -> Answer:
        fields, venue = call.fields, call.venue
        instrument = venue.catalogue.wanted(fields)
        bar = fields.choice("bar", BARS, "1m")
        limit = fields.whole("limit", CANDLES_USUAL)
        if not limit or bar == "1s":
            raise wrong("limit" if not limit else "bar")
        candles = venue.markets.candles[instrument.symbol]
        after, before = fields.whole("after"), fields.whole("before")
        count = min(limit, CANDLES_MAX)
        bars = candles.read(bar, call.now_ms, before_ms=after or _FAR_MS, count=count)
        if not after and len(bars) > reach:
            bars = bars[:reach]
        newest = candles.read(bar, call.now_ms, before_ms=_FAR_MS, count=1)[0].open_ms
        rows = [candle_row(instrument, made, is_over=made.open_ms != newest) for made in bars if made.open_ms > before]
        return answer_rows(rows)

    return answer


def _index(call: Call) -> Answer:
    name, currency = call.fields.text("instId"), call.fields.text("quoteCcy")
    if not name and not currency:
        raise fault(GatewayCode.EITHER_REQUIRED, first="instId", second="quoteCcy")
    rows: dict[str, Instrument] = {}
    for instrument in call.venue.catalogue.all():
        index = index_of(instrument)
        if name in {"", index, instrument.symbol} and currency in {"", instrument.quote_currency}:
            rows.setdefault(index, instrument)
    return answer_rows([index_row(call.venue, instrument, index) for index, instrument in rows.items()])


def _get(path: str, handler: Handler, count: int) -> Endpoint:
    return Endpoint(
        method="GET",
        path=f"/api/v5/market/{path}",
        handler=handler,
        limit=RateLimit(f"market/{path}", count, Scope.ADDRESS),
    )


ENDPOINTS: Final = (
    _get("ticker", _ticker, 20),
    _get("tickers", _tickers, 20),
    _get("books", _book, 40),
    _get("candles", _candles(NEWEST_CANDLES), 40),
    _get("history-candles", _candles(10**6), 20),
    _get("trades", _trades, 100),
    _get("history-trades", _history_trades, 20),
    _get("index-tickers", _index, 20),
)
