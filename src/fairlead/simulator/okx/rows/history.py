"""Executions, movements of cash and closed positions as OKX writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fairlead.core.model.account import PositionSide
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO, format_amount
from fairlead.core.model.request import Side
from fairlead.simulator.events import BalanceReason
from fairlead.simulator.okx.catalogue import type_of
from fairlead.simulator.okx.chronicle import Bill, ClosedPosition, FillNote
from fairlead.simulator.okx.rows.push import EXECUTION_TYPES

if TYPE_CHECKING:
    from fairlead.simulator.okx.venue import OkxVenue

_OPTION_FIELDS: Final = {"fillPxVol": "", "fillPxUsd": "", "fillMarkVol": "", "fillFwdPx": ""}
_BUY, _SELL, _OPEN_LONG, _OPEN_SHORT, _CLOSE_LONG, _CLOSE_SHORT = "1", "2", "3", "4", "5", "6"
_BILL_TYPES: Final = {
    BalanceReason.TRADE: "2",
    BalanceReason.FUNDING: "8",
    BalanceReason.LIQUIDATION: "5",
    BalanceReason.DEPOSIT: "1",
    BalanceReason.WITHDRAWAL: "1",
    BalanceReason.INSURANCE: "5",
}
_FUNDING_PAID, _FUNDING_RECEIVED = "173", "174"
_IN, _OUT = "11", "12"
_CLOSED_WHOLE: Final = "2"


def fill_row(venue: OkxVenue, note: FillNote) -> dict[str, Any]:
    """The row of ``GET /trade/fills``."""
    fill = note.fill
    instrument = _instrument(venue, fill.symbol)
    order = venue.exchange.accounts.find_venue_order(fill.account_id, fill.venue_order_id)
    side = order.wish.position_side if order is not None else PositionSide.NET
    rate = -fill.fee / fill.quantity if instrument.is_spot and fill.fee_currency == instrument.base_currency else None
    return {
        **_OPTION_FIELDS,
        "instType": type_of(instrument),
        "instId": fill.symbol,
        "tradeId": fill.trade_id,
        "ordId": fill.venue_order_id,
        "clOrdId": fill.client_order_id,
        "billId": note.bill_id,
        "subType": sub_type(fill.side, side),
        "tag": venue.notes.of(fill.venue_order_id).tag,
        "fillPx": format_amount(fill.price),
        "fillSz": format_amount(fill.quantity),
        "fillIdxPx": "",
        "fillMarkPx": "",
        "fillPnl": format_amount(fill.realized_pnl),
        "side": fill.side.value,
        "posSide": side.value,
        "execType": EXECUTION_TYPES[fill.liquidity],
        "feeCcy": fill.fee_currency,
        "fee": format_amount(-fill.fee if fill.fee else ZERO),
        "feeRate": "" if rate is None else format_amount(round(rate, 8)),
        "ts": str(fill.at_ms),
        "fillTime": str(fill.at_ms),
        "tradeQuoteCcy": instrument.quote_currency if instrument.is_spot else "",
    }


def bill_row(venue: OkxVenue, bill: Bill) -> dict[str, Any]:
    """The row of ``GET /account/bills``."""
    change, fill = bill.change, bill.fill
    instrument = venue.catalogue.find(change.symbol)
    is_funding = change.reason is BalanceReason.FUNDING
    return {
        **_OPTION_FIELDS,
        "bal": format_amount(change.total),
        "balChg": format_amount(change.change),
        "billId": bill.bill_id,
        "ccy": change.currency,
        "clOrdId": "" if fill is None else fill.client_order_id,
        "execType": "" if fill is None else EXECUTION_TYPES[fill.liquidity],
        "fee": "0" if fill is None else format_amount(-fill.fee if fill.fee else ZERO),
        "fillIdxPx": "",
        "fillMarkPx": "",
        "fillTime": "" if fill is None else str(fill.at_ms),
        "from": "",
        "instId": change.symbol,
        "instType": "" if instrument is None else type_of(instrument),
        "interest": "0",
        "mgnMode": "",
        "notes": "",
        "ordId": change.venue_order_id,
        "pnl": format_amount(change.change)
        if is_funding
        else "0"
        if fill is None
        else format_amount(fill.realized_pnl),
        "posBal": "0",
        "posBalChg": "0",
        "px": "" if fill is None else format_amount(fill.price),
        "subType": _bill_sub_type(bill),
        "sz": format_amount(abs(change.change)) if fill is None else format_amount(fill.quantity),
        "tag": venue.notes.of(change.venue_order_id).tag,
        "to": "",
        "tradeId": "" if fill is None else fill.trade_id,
        "ts": str(change.at_ms),
        "type": _BILL_TYPES[change.reason],
    }


def closed_position_row(venue: OkxVenue, number: int, closed: ClosedPosition) -> dict[str, Any]:
    """The row of ``GET /account/positions-history``."""
    position = closed.position
    instrument = _instrument(venue, position.symbol)
    return {
        "instType": type_of(instrument),
        "instId": position.symbol,
        "mgnMode": position.margin_mode.value,
        "type": _CLOSED_WHOLE,
        "cTime": str(closed.opened_ms),
        "uTime": str(position.at_ms),
        "openAvgPx": format_amount(closed.entry_price),
        "nonSettleAvgPx": "",
        "closeAvgPx": "",
        "posId": str(number),
        "openMaxPos": format_amount(closed.largest),
        "closeTotalPos": format_amount(closed.largest),
        "realizedPnl": format_amount(position.realized_pnl),
        "settledPnl": "",
        "fee": "",
        "fundingFee": "",
        "liqPenalty": "0",
        "pnl": format_amount(position.realized_pnl),
        "pnlRatio": "",
        "posSide": position.position_side.value,
        "lever": format_amount(position.leverage),
        "direction": "",
        "triggerPx": "",
        "uly": f"{instrument.base_currency}-{instrument.quote_currency}",
        "ccy": instrument.settle_currency,
    }


def sub_type(side: Side, position_side: PositionSide) -> str:
    """Return ``subType`` of an execution."""
    match position_side:
        case PositionSide.NET:
            return _BUY if side is Side.BUY else _SELL
        case PositionSide.LONG:
            return _OPEN_LONG if side is Side.BUY else _CLOSE_LONG
        case PositionSide.SHORT:
            return _CLOSE_SHORT if side is Side.BUY else _OPEN_SHORT


def _bill_sub_type(bill: Bill) -> str:
    is_gain = bill.change.change > ZERO
    if bill.change.reason is BalanceReason.FUNDING:
        return _FUNDING_RECEIVED if is_gain else _FUNDING_PAID
    if bill.fill is not None:
        return sub_type(bill.fill.side, PositionSide.NET)
    return _IN if is_gain else _OUT


def _instrument(venue: OkxVenue, symbol: str) -> Instrument:
    instrument = venue.catalogue.find(symbol)
    assert instrument is not None
    return instrument
