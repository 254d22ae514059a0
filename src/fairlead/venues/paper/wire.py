"""Translates between our orders and the simulated exchange's own words."""

from __future__ import annotations

from typing import Final

import msgspec

from fairlead.core.model import reports as rp
from fairlead.core.model.account import PositionSide
from fairlead.core.model.ids import PROTECTION, child_order_id, derive_id
from fairlead.core.model.order import OUTSIDE, Fill, Order
from fairlead.core.model.request import OrderType
from fairlead.simulator import events as sim
from fairlead.simulator import orders as sim_orders
from fairlead.simulator.views import PositionView

LIQUIDATION: Final = "liquidation"
_ORDER_TYPES: Final = {one: sim_orders.OrderType(one.value) for one in OrderType}
_OUR_TYPES: Final = {theirs: ours for ours, theirs in _ORDER_TYPES.items()}


def new_order(order: Order) -> sim_orders.NewOrder:
    """Our order as the exchange takes it; its deadline goes along."""
    return sim_orders.NewOrder(
        client_order_id=order.order_id,
        symbol=order.symbol,
        side=order.side,
        order_type=_ORDER_TYPES[order.order_type],
        quantity=order.quantity,
        quantity_unit=sim_orders.QuantityUnit.QUOTE if order.in_quote else sim_orders.QuantityUnit.NATIVE,
        limit_price=order.limit_price,
        time_in_force=order.time_in_force,
        post_only=order.post_only,
        reduce_only=order.reduce_only,
        margin_mode=order.margin_mode,
        position_side=order.position_side,
        trigger_price=order.trigger_price,
        exits=_exits(order),
        expires_at_ms=order.deadline_ms,
    )


def _exits(order: Order) -> sim_orders.Exits | None:
    if order.stop_loss_price is None and order.take_profit_price is None:
        return None
    return sim_orders.Exits(
        take_profit=None
        if order.take_profit_price is None
        else sim_orders.ExitLeg(trigger_price=order.take_profit_price),
        stop_loss=None if order.stop_loss_price is None else sim_orders.ExitLeg(trigger_price=order.stop_loss_price),
        client_order_id=child_order_id(order.order_id, PROTECTION),
    )


def order_id_of(order: sim_orders.Order) -> str:
    """Our id of an order at the exchange; an order of the liquidation engine gets one derived from the venue's."""
    if order.client_order_id:
        return order.client_order_id
    return derive_id(order.created_ms, LIQUIDATION, order.account_id, order.venue_order_id)


def accepted(event: sim.OrderOpened) -> rp.ReportAccepted:
    """The exchange took an order of ours."""
    return rp.ReportAccepted(order_id=event.client_order_id, venue_order_id=event.venue_order_id, at_ms=event.at_ms)


def opened(order: sim_orders.Order, parent_order_id: str) -> rp.ExecutionReport:
    """The exchange took an order of ours, or made one itself."""
    is_liquidation = order.category is sim_orders.OrderCategory.LIQUIDATION
    if not is_liquidation and not order.parent_id:
        return rp.ReportAccepted(
            order_id=order_id_of(order),
            venue_order_id=order.venue_order_id,
            at_ms=order.created_ms,
        )
    order_type = OrderType.MARKET if is_liquidation else OrderType.STOP_MARKET
    return _born(order, parent_order_id, LIQUIDATION if is_liquidation else PROTECTION, order_type)


def outside(order: sim_orders.Order) -> rp.ReportBorn:
    """An open order as it would be if somebody else had placed it."""
    born = _born(order, "", OUTSIDE, _OUR_TYPES.get(order.wish.order_type, OrderType.STOP_MARKET))
    return msgspec.structs.replace(born, limit_price=order.wish.limit_price)


def _born(order: sim_orders.Order, parent_order_id: str, origin: str, order_type: OrderType) -> rp.ReportBorn:
    exits = order.wish.exits
    return rp.ReportBorn(
        order_id=order_id_of(order),
        venue_order_id=order.venue_order_id,
        parent_id=parent_order_id,
        origin=origin,
        symbol=order.symbol,
        side=order.side,
        position_side=order.wish.position_side,
        margin_mode=order.wish.margin_mode,
        order_type=order_type,
        quantity=order.quantity,
        stop_loss_price=exits.stop_loss.trigger_price if exits is not None and exits.stop_loss else None,
        take_profit_price=exits.take_profit.trigger_price if exits is not None and exits.take_profit else None,
        at_ms=order.created_ms,
    )


def filled(order_id: str, symbol: str, fill: sim_orders.OrderFill | sim.OrderFilled, *, is_last: bool) -> rp.ReportFill:
    """One execution."""
    return rp.ReportFill(
        fill=Fill(
            trade_id=fill.trade_id,
            order_id=order_id,
            symbol=symbol,
            price=fill.price,
            quantity=fill.quantity,
            fee=fill.fee,
            fee_currency=fill.fee_currency,
            liquidity=fill.liquidity,
            at_ms=fill.at_ms,
        ),
        is_last=is_last,
    )


def whole_story(order: sim_orders.Order, parent_order_id: str) -> tuple[rp.ExecutionReport, ...]:
    """Every report the exchange has sent about an order, in order: the answer to "what became of it?"."""
    order_id = order_id_of(order)
    reports: list[rp.ExecutionReport] = [opened(order, parent_order_id)]
    is_filled = order.status is sim_orders.OrderStatus.FILLED
    last = len(order.fills) - 1
    reports.extend(
        filled(order_id, order.symbol, fill, is_last=is_filled and index == last)
        for index, fill in enumerate(order.fills)
    )
    if order.status is sim_orders.OrderStatus.CANCELED:
        reason = order.cancel_reason.value if order.cancel_reason is not None else ""
        reports.append(canceled(order_id, reason, order.updated_ms))
    elif order.status is sim_orders.OrderStatus.REJECTED:
        reports.append(
            rp.ReportRejected(order_id=order_id, code=order.reject_code, message="", at_ms=order.updated_ms),
        )
    return tuple(reports)


def canceled(order_id: str, reason: str, at_ms: int) -> rp.ReportCanceled:
    """The rest of an order is gone."""
    message = f"the venue canceled the rest: {reason.replace('_', ' ')}" if reason else ""
    return rp.ReportCanceled(order_id=order_id, reason_code=reason, message=message, at_ms=at_ms)


def adjusted(event: sim.BalanceChanged) -> rp.ReportAdjusted:
    """Cash that moved without a fill: funding, liquidation, insurance, a change by hand."""
    number = derive_id(event.at_ms, event.reason, event.currency, event.symbol, str(event.total), str(event.change))
    return rp.ReportAdjusted(
        key=number,
        kind=event.reason.value,
        currency=event.currency,
        amount=event.change,
        symbol=event.symbol,
        position_side=PositionSide.NET if event.symbol else None,
        at_ms=event.at_ms,
    )


def refused(order_id: str, event: sim.OrderRejectedByEngine) -> rp.ReportRejected:
    """An order that was taken could not act when its trigger fired."""
    return rp.ReportRejected(order_id=order_id, code=event.code, message=event.message, at_ms=event.at_ms)


def position(row: PositionView) -> rp.VenuePosition:
    """A holding as the exchange sees it."""
    return rp.VenuePosition(
        symbol=row.symbol,
        position_side=row.position_side,
        margin_mode=row.margin_mode,
        leverage=row.leverage,
        quantity=row.quantity,
        entry_price=row.entry_price,
        liquidation_price=row.liquidation_price,
    )
