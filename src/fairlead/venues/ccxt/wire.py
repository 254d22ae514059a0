"""Translates between our orders and ccxt's words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from fairlead.core.model import reports as rp
from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.money import ONE, ZERO, format_amount
from fairlead.core.model.order import Fill, Liquidity, Order
from fairlead.core.model.request import OrderType, Side, TimeInForce
from fairlead.venues.ccxt.client import Row
from fairlead.venues.ccxt.markets import MarketNames, read_amount
from fairlead.venues.ccxt.traits import CashPath

CLIENT_ORDER_ID: Final = "clientOrderId"
_ENDED: Final = frozenset({"canceled", "expired", "rejected"})


class NotOfferedError(Exception):
    """The order wants something that this venue does not do; nothing was sent."""


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """One order in ccxt's words. ``amount`` is quote currency when ``is_cost``."""

    symbol: str
    order_type: str
    side: str
    amount: str
    price: str | None
    params: dict[str, Any]
    is_cost: bool = False


def new_order(order: Order, symbol: str, *, has_client_ids: bool) -> Wish:
    """Our order as ccxt takes it.

    Raises:
        NotOfferedError: it is no market or limit order, or brings a stop or a take-profit along.
    """
    if order.order_type not in {OrderType.MARKET, OrderType.LIMIT} or order.trigger_price is not None:
        raise NotOfferedError(f"a {order.order_type} order cannot be placed at an exchange over ccxt")
    if order.stop_loss_price is not None or order.take_profit_price is not None:
        # Placing it without would leave a holding unprotected that was to be protected.
        raise NotOfferedError("a stop or take-profit cannot be attached at an exchange over ccxt: nothing was placed")
    return Wish(
        symbol=symbol,
        order_type=order.order_type.value,
        side=order.side.value,
        amount=format_amount(order.quantity),
        price=None if order.limit_price is None else format_amount(order.limit_price),
        params={**({CLIENT_ORDER_ID: order.order_id} if has_client_ids else {}), **_terms(order), **_holding(order)},
        is_cost=order.in_quote,
    )


def _terms(order: Order) -> Row:
    if order.post_only:
        return {"postOnly": True}
    is_limited = order.order_type is OrderType.LIMIT and order.time_in_force is not TimeInForce.GTC
    return {"timeInForce": order.time_in_force.value.upper()} if is_limited else {}


def _holding(order: Order) -> Row:
    """Which holding a perpetual order touches; in long/short mode ccxt reads the side from what it closes."""
    if order.margin_mode is MarginMode.CASH:
        return {}
    terms: Row = {"marginMode": order.margin_mode.value}
    if order.position_side is PositionSide.NET:
        return {**terms, "reduceOnly": True} if order.reduce_only else terms
    opens = Side.BUY if order.position_side is PositionSide.LONG else Side.SELL
    return {**terms, "hedged": True, "reduceOnly": order.side is not opens}


def story(order: Order, found: Row, trades: Iterable[Row]) -> tuple[rp.ExecutionReport, ...] | None:
    """Every report about an order, in order; None while the exchange lists fewer trades than it says were filled."""
    fills = sorted((fill_of(order, trade) for trade in trades), key=moment_of)
    if sum((fill.quantity for fill in fills), ZERO) < read_amount(found.get("filled")):
        return None
    at_ms = int(found.get("timestamp") or order.created_ms)
    is_filled = found.get("status") == "closed"
    last = len(fills) - 1
    return (
        rp.ReportAccepted(order_id=order.order_id, venue_order_id=str(found["id"]), at_ms=at_ms),
        *(rp.ReportFill(fill=fill, is_last=is_filled and index == last) for index, fill in enumerate(fills)),
        *_ending(order, found),
    )


def _ending(order: Order, found: Row) -> Iterator[rp.ExecutionReport]:
    status = str(found.get("status"))
    at_ms = int(found.get("lastUpdateTimestamp") or found.get("timestamp") or order.created_ms)
    if status == "rejected":
        message = "the exchange refused it after it had taken it"
        yield rp.ReportRejected(order_id=order.order_id, code=status, message=message, at_ms=at_ms)
    elif status in _ENDED:
        reason = "" if status == "canceled" else status
        message = "the exchange canceled the rest"
        yield rp.ReportCanceled(order_id=order.order_id, reason_code=reason, message=message, at_ms=at_ms)


def is_over(found: Row) -> bool:
    """Whether nothing more can happen to an order."""
    return found.get("status") in {"closed", *_ENDED}


def moment_of(fill: Fill) -> tuple[int, int, str]:
    """What sorts fills as they happened; trade ids are numbers that rise, or texts that do not."""
    return fill.at_ms, int(fill.trade_id) if fill.trade_id.isdecimal() else 0, fill.trade_id


def fill_of(order: Order, trade: Row) -> Fill:
    """One execution of our order."""
    fee = trade.get("fee") or {}
    return Fill(
        trade_id=str(trade["id"]),
        order_id=order.order_id,
        symbol=order.symbol,
        price=read_amount(trade["price"]),
        quantity=read_amount(trade["amount"]),
        fee=read_amount(fee.get("cost")),
        fee_currency=fee.get("currency") or "",
        liquidity=Liquidity.MAKER if trade.get("takerOrMaker") == "maker" else Liquidity.TAKER,
        at_ms=int(trade["timestamp"]),
    )


def cash(balance: Row, path: CashPath | None) -> dict[str, Decimal]:
    """Cash for each currency; of an exchange that nobody described, ccxt's total."""
    if path is None:
        found = {currency: read_amount(total) for currency, total in balance.get("total", {}).items()}
        return {currency: total for currency, total in found.items() if total}
    rows = balance["info"]
    for step in path.rows:
        rows = rows[int(step)] if isinstance(rows, list) else rows[step]
    found = {row[path.currency]: read_amount(row[path.amount]) for row in rows}
    return {currency: total for currency, total in found.items() if total}


def positions(rows: Iterable[Row], names: MarketNames) -> Iterator[rp.VenuePosition]:
    """Holdings that are not empty."""
    for row in rows:
        contracts = read_amount(row.get("contracts"))
        if not contracts:
            continue
        is_short = row.get("side") == "short"
        side = PositionSide.SHORT if is_short else PositionSide.LONG
        is_hedged = bool(row.get("hedged"))
        liquidation_price = read_amount(row.get("liquidationPrice"))
        yield rp.VenuePosition(
            symbol=names.ours(str(row["symbol"])),
            position_side=side if is_hedged else PositionSide.NET,
            margin_mode=MarginMode(row.get("marginMode") or MarginMode.CROSS),
            leverage=read_amount(row.get("leverage")) or ONE,
            quantity=-contracts if is_short and not is_hedged else contracts,
            entry_price=read_amount(row.get("entryPrice")),
            liquidation_price=liquidation_price or None,
        )


def position_mode(answer: Mapping[str, object]) -> PositionMode:
    """Net or long/short."""
    return PositionMode.LONG_SHORT if answer.get("hedged") else PositionMode.NET
