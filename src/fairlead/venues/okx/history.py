"""OKX's candles and funding rates of the past, without a key (OKX API v5)."""

from __future__ import annotations

from typing import Final

import msgspec

from fairlead.core.model.history import FundingRate, Page, PageFailure
from fairlead.core.model.market import Candle
from fairlead.venues.okx.outcomes import CODES, Answered, Failure, Refused
from fairlead.venues.okx.rest import OkxRest
from fairlead.venues.okx.rows import read_amount

CANDLES_PER_PAGE: Final = 300
FUNDINGS_PER_PAGE: Final = 400
_HOUR_MS: Final = 3_600_000
# Bars of six hours and more open at midnight in Hong Kong unless their name says otherwise.
_BARS: Final = {"1h": "1H", "2h": "2H", "4h": "4H", "6h": "6Hutc", "12h": "12Hutc", "1d": "1Dutc"}
_CLOSED: Final = "1"


class CandleRow(msgspec.Struct, frozen=True, array_like=True):
    """One candle; ``volume`` in base currency of spot and in contracts of perpetuals."""

    ts: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    volume_in_coins: str
    volume_in_quote: str
    confirm: str


class SettledFundingRow(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One settlement; ``realizedRate`` is what was charged."""

    funding_time: str
    funding_rate: str
    realized_rate: str = ""


class OkxHistory:
    """Reads pages that lie within what OKX gives at once."""

    name: Final = "OKX API v5"
    candles_per_page: Final = CANDLES_PER_PAGE
    funding_page_ms: Final = FUNDINGS_PER_PAGE * _HOUR_MS
    """Funding is settled every hour at the most."""

    def __init__(self, rest: OkxRest) -> None:
        """Ask through this connection, which must be open."""
        self._rest = rest

    async def read_candles(self, symbol: str, timeframe: str, begin_ms: int, end_ms: int) -> Page[Candle] | PageFailure:
        """Closed candles that open in [``begin_ms``, ``end_ms``), at most ``candles_per_page`` of them."""
        query = {"instId": symbol, "bar": _BARS.get(timeframe, timeframe), "limit": str(CANDLES_PER_PAGE)}
        # Both bounds are left out by OKX.
        query |= {"after": str(end_ms), "before": str(max(0, begin_ms - 1))}
        reply = await self._rest.get("market/history-candles", CandleRow, query=query)
        if not isinstance(reply, Answered):
            return _failure(reply)
        rows = sorted(reply.rows, key=lambda row: int(row.ts))
        open_ms = next((int(row.ts) for row in rows if row.confirm != _CLOSED), end_ms)
        return Page(tuple(_candle(symbol, row) for row in rows if int(row.ts) < open_ms), open_ms)

    async def read_funding(self, symbol: str, begin_ms: int, end_ms: int) -> Page[FundingRate] | PageFailure:
        """Settlements in [``begin_ms``, ``end_ms``), at most ``funding_page_ms`` long; OKX keeps three months."""
        query = {
            "instId": symbol,
            "limit": str(FUNDINGS_PER_PAGE),
            "after": str(end_ms),
            "before": str(max(0, begin_ms - 1)),
        }
        reply = await self._rest.get("public/funding-rate-history", SettledFundingRow, subject=symbol, query=query)
        if not isinstance(reply, Answered):
            return _failure(reply)
        rows = sorted(reply.rows, key=lambda row: int(row.funding_time))
        rates = (FundingRate(int(row.funding_time), read_amount(row.realized_rate or row.funding_rate)) for row in rows)
        return Page(tuple(rates), end_ms)


def _candle(symbol: str, row: CandleRow) -> Candle:
    return Candle(
        symbol=symbol,
        open_ms=int(row.ts),
        open=read_amount(row.open),
        high=read_amount(row.high),
        low=read_amount(row.low),
        close=read_amount(row.close),
        volume=read_amount(row.volume),
    )


def _failure(reply: Failure) -> PageFailure:
    if isinstance(reply, Refused):
        return PageFailure(f"{reply.code} {reply.message}", is_lasting=reply.code not in CODES.retry_after_ms)
    return PageFailure(reply.message)
