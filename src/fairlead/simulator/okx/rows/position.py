"""One holding as OKX writes it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from fairlead.core.model.account import MarginMode
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ONE, ZERO, format_amount
from fairlead.simulator.okx.rows.balance import usd_price

if TYPE_CHECKING:
    from fairlead.simulator.okx.venue import OkxVenue
    from fairlead.simulator.views import PositionView

_NOT_USED: Final = {
    "adl": "0",
    "baseBal": "",
    "baseBorrowed": "",
    "baseInterest": "",
    "bizRefId": "",
    "bizRefType": "",
    "clSpotInUseAmt": "",
    "closeOrderAlgo": [],
    "deltaBS": "",
    "deltaPA": "",
    "gammaBS": "",
    "gammaPA": "",
    "hedgedPos": "",
    "interest": "",
    "liab": "",
    "liabCcy": "",
    "maxSpotInUseAmt": "",
    "nonSettleAvgPx": "",
    "optVal": "",
    "pendingCloseOrdLiabVal": "",
    "posCcy": "",
    "quoteBal": "",
    "quoteBorrowed": "",
    "quoteInterest": "",
    "settledPnl": "",
    "spotInUseAmt": "",
    "spotInUseCcy": "",
    "thetaBS": "",
    "thetaPA": "",
    "vegaBS": "",
    "vegaPA": "",
}
_POSITION_ID_BASE: Final = 3_000_000_000_000_000_000
_DECIMALS: Final = 16


def position_id(number: int) -> str:
    """Return ``posId``."""
    return str(_POSITION_ID_BASE + number)


def position_row(venue: OkxVenue, view: PositionView) -> dict[str, Any]:
    """The row of ``GET /account/positions``."""
    instrument = venue.catalogue.find(view.symbol)
    assert instrument is not None
    quote = venue.exchange.markets.quote(view.symbol)
    is_cross = view.margin_mode is MarginMode.CROSS
    used = view.notional / view.leverage
    net = view.realized_pnl - view.fee + view.funding
    return {
        **_NOT_USED,
        "instType": "SWAP",
        "instId": view.symbol,
        "posId": position_id(view.number),
        "mgnMode": view.margin_mode.value,
        "posSide": view.position_side.value,
        "ccy": instrument.settle_currency,
        "pos": format_amount(view.quantity),
        "availPos": format_amount(view.available_quantity),
        "avgPx": _text(view.entry_price),
        "last": format_amount(quote.last),
        "markPx": format_amount(view.mark_price),
        "idxPx": format_amount(quote.index),
        "usdPx": format_amount(usd_price(venue, instrument.settle_currency)),
        "bePx": _text(_break_even(instrument, view)),
        "liqPx": "" if view.liquidation_price is None else _text(view.liquidation_price),
        "lever": format_amount(view.leverage),
        "imr": _text(used) if is_cross else "",
        "margin": "" if is_cross else _text(view.margin),
        "mmr": _text(view.maintenance_margin),
        "mgnRatio": _text(view.margin_ratio),
        "notionalUsd": _text(instrument.notional_in_quote(abs(view.quantity), view.mark_price)),
        "upl": _text(view.unrealized_pnl),
        "uplRatio": _text(view.unrealized_pnl / used) if used else "",
        "uplLastPx": _text(_gain(instrument, view, quote.last)),
        "uplRatioLastPx": _text(_gain(instrument, view, quote.last) / used) if used else "",
        "realizedPnl": _text(net),
        "pnl": _text(view.realized_pnl),
        "fee": _text(-view.fee if view.fee else ZERO),
        "fundingFee": _text(view.funding),
        "liqPenalty": "0",
        "tradeId": "",
        "cTime": str(view.opened_ms),
        "uTime": str(view.updated_ms),
    }


def _gain(instrument: Instrument, view: PositionView, price: Decimal) -> Decimal:
    size = view.signed_quantity * instrument.contract_value
    if instrument.is_inverse:
        return size * (ONE / view.entry_price - ONE / price)
    return size * (price - view.entry_price)


def _break_even(instrument: Instrument, view: PositionView) -> Decimal:
    # Where profit pays what was paid so far: fees and funding.
    size = view.signed_quantity * instrument.contract_value
    paid = view.fee - view.funding - view.realized_pnl
    if not size:
        return ZERO
    if instrument.is_inverse:
        rest = ONE / view.entry_price - paid / size
        return ONE / rest if rest > ZERO else ZERO
    return view.entry_price + paid / size


def _text(amount: Decimal) -> str:
    return format_amount(round(amount, _DECIMALS))
