"""Orders that make a holding smaller: closes, whole or in part, and reduce-only entries (docs/alerts.md)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from fairlead.core.model.account import Position, PositionMode, PositionSide
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.request import (
    Close,
    CloseScope,
    OrderRequest,
    OrderType,
    SetTarget,
    Side,
    Size,
    SizeUnit,
    TargetPosition,
    TimeInForce,
)
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.draft import Draft, Terms
from fairlead.core.rules.holds import may_add, only_reduces
from fairlead.core.rules.plan import Nothing, Plan, PlanReason, Refusal
from fairlead.core.rules.sizing import LEGS_MAX, Ratio, needs_price, percent_of, show_in, to_native
from fairlead.core.rules.spot_orders import WHOLE, sell_spot

SIDES: Final = (PositionSide.NET, PositionSide.LONG, PositionSide.SHORT)


class Holding(msgspec.Struct, frozen=True, gc=False):
    """What a close may take: the side of the order, what is held, and how much of it no open order takes already."""

    side: Side
    held: Decimal
    free: Decimal


def close(draft: Draft, intent: Close) -> Plan | Nothing | Refusal:
    """Close what the account holds of the instrument; nothing held is a success."""
    if draft.instrument.is_spot:
        if intent.position_side is PositionSide.SHORT:
            return draft.nothing(PlanReason.NO_POSITION, "spot is never held short")
        return sell_spot(draft, intent.size or WHOLE, is_close=True)
    positions = [
        position for position in held_positions(draft) if intent.position_side in {None, direction_of(position)}
    ]
    if not positions:
        which = "" if intent.position_side in {None, PositionSide.NET} else f"{intent.position_side} "
        return draft.nothing(PlanReason.NO_POSITION, f"no {which}position of {draft.instrument.symbol} is held")
    return close_positions(draft, positions, intent.size)


def entries_against(
    request: OrderRequest,
    view: AccountView,
    instrument: Instrument,
    *,
    also_of_part: bool = False,
) -> tuple[Order, ...]:
    """Resting entries that would open again what a request closes whole: they are canceled before the close.

    Only those that the close is about: its scope, and its side where it names one. A target in the other direction is
    served like a close. A part that is closed leaves entries alone; ``also_of_part`` asks which these are.
    """
    intent = request.intent
    if isinstance(intent, SetTarget):
        unwanted = {TargetPosition.LONG: Side.SELL, TargetPosition.SHORT: Side.BUY}.get(intent.target)
        intent = Close()
    elif isinstance(intent, Close) and (also_of_part or intent.size in {None, WHOLE}):
        unwanted = None
    else:
        return ()
    return tuple(
        order
        for order in view.book.orders.values()
        if order.symbol == request.symbol
        and may_add(order, instrument)
        and unwanted in {None, order.side}
        and intent.position_side in {None, order.position_side, _opens(order)}
        and _is_in_scope(order, request, intent.scope)
    )


def _opens(order: Order) -> PositionSide:
    return PositionSide.LONG if order.side is Side.BUY else PositionSide.SHORT


def _is_in_scope(order: Order, request: OrderRequest, scope: CloseScope) -> bool:
    if scope is CloseScope.ACCOUNT:
        return True
    is_ours = order.source_id == request.source_id
    return is_ours and (scope is CloseScope.SOURCE or order.strategy_id == request.strategy_id)


def reduce(draft: Draft, side: Side, size: Size) -> Plan | Nothing | Refusal:
    """Serve a reduce-only entry: it is decided against the position, capped at it, and never opens anything."""
    wanted = PositionSide.SHORT if side is Side.BUY else PositionSide.LONG
    positions = [position for position in held_positions(draft) if direction_of(position) is wanted]
    if not positions:
        message = f"no {wanted} position of {draft.instrument.symbol} is held that a {side} could reduce"
        return draft.nothing(PlanReason.REDUCE_ONLY_NO_POSITION, message)
    return close_positions(draft, positions, size)


def close_positions(draft: Draft, positions: Sequence[Position], size: Size | None) -> Plan | Nothing | Refusal:
    """Close these positions, or ``size`` of each."""
    legs: list[Order] = []
    waiting, more = ZERO, False
    for position in positions:
        free = _closable(draft, position)
        if free < draft.instrument.lot_size:
            waiting += abs(position.quantity)
            continue
        holding = Holding(closing_side(position), abs(position.quantity), free)
        quantity = closing_quantity(draft, holding, size)
        if isinstance(quantity, Refusal):
            return quantity
        quantity, is_cut = at_once(draft, quantity, size)
        more = more or is_cut
        built = draft.build_legs(_terms(position), quantity, after=len(legs))
        if isinstance(built, Refusal):
            return built
        legs += built
    if not legs:
        message = f"open orders already close the {show_in(waiting, draft.unit)} held; cancel them to close it now"
        return draft.nothing(PlanReason.ALREADY_CLOSING, message)
    return replace(draft.plan(legs), more=more)


def at_once(draft: Draft, quantity: Decimal, size: Size | None) -> tuple[Decimal, bool]:
    """How much of a close fits one step: all is never too much, what does not fit is closed in a further one."""
    most = draft.instrument.round_quantity_down(draft.order_quantity_max) * LEGS_MAX
    if size is not None or not ZERO < most < quantity:
        return quantity, False
    draft.note("at once", f"at most {LEGS_MAX} orders, the rest when they are done", show_in(most, draft.unit))
    return most, True


def held_positions(draft: Draft) -> list[Position]:
    """Positions of the instrument, net or long and short."""
    held = [draft.view.book.positions.get((draft.instrument.symbol, side)) for side in SIDES]
    return [position for position in held if position is not None and position.quantity]


def direction_of(position: Position) -> PositionSide:
    """Long or short, also of a net position."""
    return PositionSide.LONG if position.signed_quantity > ZERO else PositionSide.SHORT


def closing_side(position: Position) -> Side:
    """Side of the order that makes the position smaller, never the one that doubles it."""
    return Side.SELL if position.signed_quantity > ZERO else Side.BUY


def _terms(position: Position) -> Terms:
    # Mode and leverage come from the position, whatever the request says.
    return Terms(
        side=closing_side(position),
        position_side=position.position_side,
        margin_mode=position.margin_mode,
        leverage=position.leverage or ONE,
        reduce_only=True,
        is_close=True,
    )


def _closable(draft: Draft, position: Position) -> Decimal:
    """What no pending order closes already."""
    pending = pending_closes(draft, position)
    held = abs(position.quantity)
    draft.note("held", f"{direction_of(position)} {position.symbol}", show_in(held, draft.unit))
    if pending:
        free = max(ZERO, held - pending)
        draft.note("already closing", f"{show_in(pending, draft.unit)} in open orders", show_in(free, draft.unit))
        return free
    return held


def pending_closes(draft: Draft, position: Position) -> Decimal:
    """What open orders take away from a position for certain.

    In net mode a resting reduce-only order does not stand in the way: the venue takes it back as the position shrinks,
    so only orders whose outcome is a matter of moments are left out. In long/short mode the venue refuses more than
    what is free of all of them (OKX API v5).
    """
    side = closing_side(position)
    is_net = draft.view.book.position_mode is PositionMode.NET
    pending = ZERO
    for order in draft.view.book.orders.values():
        same = order.symbol == position.symbol and order.position_side is position.position_side
        if not same or order.side is not side or order.origin or not only_reduces(order):
            continue
        rests = order.order_type is OrderType.LIMIT and order.time_in_force is TimeInForce.GTC
        if not (is_net and rests):
            pending += order.leaves_quantity
    return pending


def closing_quantity(draft: Draft, holding: Holding, size: Size | None) -> Decimal | Refusal:
    """Whole lots of a holding to close: all that is free, or ``size`` of it."""
    instrument, side, held, free = draft.instrument, holding.side, holding.held, holding.free
    wish: Ratio | None
    if size is None:
        wish = Ratio(free, ONE, "all of it")
    elif size.unit is SizeUnit.PERCENT:
        wish = percent_of(size.amount, held, show_in(held, draft.unit))
    else:
        if needs_price(instrument, size.unit) and (refusal := draft.check_price(side)):
            return refusal
        wish = to_native(instrument, size, draft.price(side))
    if wish is None:
        return draft.refuse(PlanReason.SIZE_INVALID, f"{instrument.symbol} is not counted in this unit")
    draft.note("to close", wish.formula, show_in(wish.value, draft.unit))
    quantity = wish.lots_down(instrument)
    if quantity != wish.value:
        draft.note_lots(quantity)
    most = instrument.round_quantity_down(free)
    if quantity > most:
        quantity = most
        draft.note("capped", "no more than what is held and free", show_in(quantity, draft.unit))
    return draft.check_least(quantity, draft.price(side)) or quantity
