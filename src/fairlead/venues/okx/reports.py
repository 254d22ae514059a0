"""From OKX's rows to our reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fairlead.core.model import reports as rp
from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.ids import PROTECTION, derive_id
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import OUTSIDE, Fill, Liquidity
from fairlead.core.model.request import OrderType, Side
from fairlead.venues.okx.rows import (
    AlgoRow,
    BillRow,
    FillRow,
    OrderRow,
    PositionRow,
    read_amount,
    read_moment,
    read_price,
)

LIQUIDATION: Final = "liquidation"
FILLED: Final = "filled"
LIVE: Final = "live"
OVER: Final = frozenset({"filled", "canceled", "mmp_canceled"})
_CANCELED: Final = frozenset({"canceled", "mmp_canceled"})
_ALGO_CANCELED: Final = frozenset({"canceled", "partially_failed"})
_ALGO_FAILED: Final = "order_failed"
# By force: nobody of ours asked for these orders.
_FORCED: Final = frozenset({"full_liquidation", "partial_liquidation", "adl"})
REST_TOO_SMALL: Final = "rest_too_small"

_TRADE: Final = "2"
_TRADED: Final = frozenset({"SPOT", "SWAP"})
_MODES: Final = frozenset(MarginMode)
_BILL_KINDS: Final = {"1": "transfer", "5": "liquidation", "8": "funding", "9": "adl", "22": "repay"}
_CANCEL_SOURCES: Final = {
    "0": "the system",
    "1": "the user",
    "2": "the position it was to reduce got smaller",
    "3": "liquidation",
    "6": "auto-deleveraging",
    "9": "funding took the balance",
    "13": "fill or kill",
    "14": "immediate or cancel",
    "15": "its price is outside the limit",
    "20": "the dead man's switch",
    "21": "its position was closed",
    "22": "the position it was to reduce got smaller",
    "23": "the position it was to reduce got smaller",
    "27": "the nearest other orders are too far away",
    "31": "post-only would have taken",
    "32": "it met an order of the same owner",
    "33": "it met too many orders",
    "36": "its take-profit acted",
    "37": "its stop acted",
}
"""``cancelSource`` (OKX API v5)."""


def order_id_of(account_id: str, row: OrderRow) -> str:
    """Our id of an order: the one we gave it or the algo order that sent it, one derived from OKX's for liquidations.

    An order that somebody else placed without an id of his own goes by OKX's number.
    """
    if row.cl_ord_id or row.algo_cl_ord_id:
        return row.algo_cl_ord_id or row.cl_ord_id
    if is_forced(row):
        return derive_id(read_moment(row.c_time), LIQUIDATION, account_id, row.ord_id)
    return row.ord_id


def is_forced(row: OrderRow) -> bool:
    """Whether OKX made this order to close a holding by force."""
    return row.category in _FORCED


def opened(order_id: str, row: OrderRow) -> rp.ExecutionReport:
    """OKX took an order of ours, or made one itself."""
    if not is_forced(row):
        return rp.ReportAccepted(order_id=order_id, venue_order_id=row.ord_id, at_ms=read_moment(row.c_time))
    return rp.ReportBorn(
        order_id=order_id,
        venue_order_id=row.ord_id,
        parent_id="",
        origin=LIQUIDATION,
        symbol=row.inst_id,
        side=Side(row.side),
        position_side=_side(row.pos_side),
        margin_mode=MarginMode(row.td_mode),
        order_type=OrderType.MARKET,
        quantity=read_amount(row.sz),
        stop_loss_price=None,
        take_profit_price=None,
        at_ms=read_moment(row.c_time),
    )


def outside(account_id: str, row: OrderRow) -> rp.ReportBorn:
    """An open limit order as it would be if somebody else had placed it."""
    return rp.ReportBorn(
        order_id=order_id_of(account_id, row),
        venue_order_id=row.ord_id,
        parent_id="",
        origin=OUTSIDE,
        symbol=row.inst_id,
        side=Side(row.side),
        position_side=_side(row.pos_side),
        margin_mode=MarginMode(row.td_mode),
        order_type=OrderType.LIMIT,
        quantity=read_amount(row.sz),
        stop_loss_price=None,
        take_profit_price=None,
        at_ms=read_moment(row.c_time),
        limit_price=read_price(row.px),
    )


def is_adoptable(row: OrderRow) -> bool:
    """Whether an order could be followed from now on as if it were ours: of a kind that is traded, nothing filled."""
    return row.inst_type in _TRADED and row.px != "" and not read_amount(row.acc_fill_sz) and row.td_mode in _MODES


def protection_born(row: AlgoRow, parent_id: str) -> rp.ReportBorn:
    """The stop and take-profit of an order of ours wait at the exchange now."""
    return rp.ReportBorn(
        order_id=row.algo_cl_ord_id,
        venue_order_id=row.algo_id,
        parent_id=parent_id,
        origin=PROTECTION,
        symbol=row.inst_id,
        side=Side(row.side),
        position_side=_side(row.pos_side),
        margin_mode=MarginMode(row.td_mode),
        order_type=OrderType.STOP_MARKET,
        quantity=read_amount(row.sz),
        stop_loss_price=read_price(row.sl_trigger_px),
        take_profit_price=read_price(row.tp_trigger_px),
        at_ms=read_moment(row.c_time),
    )


def pushed_fill(order_id: str, row: OrderRow) -> rp.ReportFill:
    """The execution that a push of an order tells."""
    fill = Fill(
        trade_id=row.trade_id,
        order_id=order_id,
        symbol=row.inst_id,
        price=read_amount(row.fill_px),
        quantity=read_amount(row.fill_sz),
        fee=-read_amount(row.fill_fee) or ZERO,
        fee_currency=row.fill_fee_ccy,
        liquidity=_liquidity(row.exec_type),
        at_ms=read_moment(row.fill_time, row.u_time),
    )
    return rp.ReportFill(fill=fill, is_last=row.state == FILLED)


def listed_fill(order_id: str, row: FillRow, *, is_last: bool) -> rp.ReportFill:
    """One execution of a list."""
    fill = Fill(
        trade_id=row.trade_id,
        order_id=order_id,
        symbol=row.inst_id,
        price=read_amount(row.fill_px),
        quantity=read_amount(row.fill_sz),
        fee=-read_amount(row.fee) or ZERO,
        fee_currency=row.fee_ccy,
        liquidity=_liquidity(row.exec_type),
        at_ms=read_moment(row.fill_time, row.ts),
    )
    return rp.ReportFill(fill=fill, is_last=is_last)


def ended(order_id: str, row: OrderRow) -> rp.ReportCanceled | None:
    """The rest of an order is gone, or nothing when it is not."""
    at_ms = read_moment(row.u_time)
    if row.state in _CANCELED:
        reason = row.cancel_source_reason or _CANCEL_SOURCES.get(row.cancel_source, "")
        message = f"OKX canceled the rest: {reason}" if reason else ""
        return rp.ReportCanceled(order_id=order_id, reason_code=row.cancel_source, message=message, at_ms=at_ms)
    if row.state == FILLED and not read_amount(row.fill_sz):
        # A spot market order may end with a push of its own, after its fills (OKX API v5).
        message = "OKX filled it; what is left is less than can be traded"
        return rp.ReportCanceled(order_id=order_id, reason_code=REST_TOO_SMALL, message=message, at_ms=at_ms)
    return None


def whole_story(order_id: str, row: OrderRow, fills: Sequence[FillRow]) -> tuple[rp.ExecutionReport, ...]:
    """Every report of an order, in order; ``fills`` oldest first."""
    last = len(fills) - 1
    listed = [
        listed_fill(order_id, fill, is_last=row.state == FILLED and index == last) for index, fill in enumerate(fills)
    ]
    end = ended(order_id, row) if row.state in _CANCELED else None
    return (opened(order_id, row), *listed, *(() if end is None else (end,)))


def algo_ended(row: AlgoRow) -> rp.ExecutionReport | None:
    """What waited is gone without having sent an order, or nothing."""
    at_ms = read_moment(row.u_time, row.c_time)
    if row.state == _ALGO_FAILED:
        message = "its trigger came, and OKX could not place the order"
        return rp.ReportRejected(order_id=row.algo_cl_ord_id, code=row.fail_code, message=message, at_ms=at_ms)
    if row.state in _ALGO_CANCELED:
        return rp.ReportCanceled(order_id=row.algo_cl_ord_id, reason_code="", message="", at_ms=at_ms)
    return None


def adjusted(row: BillRow) -> rp.ReportAdjusted | None:
    """Cash that moved without an order; what an order moved, a liquidation too, is in its fills."""
    if row.type == _TRADE or row.ord_id or row.trade_id:
        return None
    return rp.ReportAdjusted(
        key=row.bill_id,
        kind=_BILL_KINDS.get(row.type, f"bill type {row.type}"),
        currency=row.ccy,
        amount=read_amount(row.bal_chg),
        symbol=row.inst_id,
        position_side=PositionSide.NET if row.inst_id else None,
        at_ms=read_moment(row.ts),
    )


def position(row: PositionRow) -> rp.VenuePosition:
    """A holding as OKX sees it."""
    return rp.VenuePosition(
        symbol=row.inst_id,
        position_side=_side(row.pos_side),
        margin_mode=MarginMode(row.mgn_mode),
        leverage=read_amount(row.lever),
        quantity=read_amount(row.pos),
        entry_price=read_amount(row.avg_px),
        liquidation_price=read_price(row.liq_px),
    )


def _side(text: str) -> PositionSide:
    return PositionSide(text) if text else PositionSide.NET


def _liquidity(text: str) -> Liquidity:
    return Liquidity.MAKER if text == "M" else Liquidity.TAKER
