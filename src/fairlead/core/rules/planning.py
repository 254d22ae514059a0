"""From a wish to orders: reads the account as it is, sizes, splits, and says in words how it came to the numbers."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from fairlead.core.model.account import PositionMode, PositionSide
from fairlead.core.model.instrument import Instrument, InstrumentState
from fairlead.core.model.money import HUNDRED, ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.request import (
    CancelOrders,
    Close,
    CloseScope,
    Enter,
    OrderRequest,
    OrderType,
    SetTarget,
    Side,
    SizeUnit,
)
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.closing import close, entries_against, reduce
from fairlead.core.rules.draft import Draft
from fairlead.core.rules.perpetual_orders import open_position
from fairlead.core.rules.plan import CancelPlan, LeverageChange, Nothing, Plan, PlanOutcome, PlanReason, Refusal
from fairlead.core.rules.share_closing import close_share
from fairlead.core.rules.sizing import show
from fairlead.core.rules.spot_orders import buy_spot, sell_spot
from fairlead.core.rules.targeting import reach_target

__all__ = ["CancelPlan", "LeverageChange", "Nothing", "Plan", "PlanReason", "Refusal", "plan_request"]

_PLANNABLE: Final = frozenset({OrderType.MARKET, OrderType.LIMIT})


def plan_request(
    request: OrderRequest,
    view: AccountView,
    *,
    first_leg: int,
    deadline_ms: int,
    may_cancel: bool = True,
) -> PlanOutcome:
    """Turn a request into orders that are fully formed, or say why there are none; changes nothing.

    ``first_leg`` numbers the first order: how many this request had before. ``deadline_ms`` is when the venue must
    refuse them. A plan with ``more`` asks to be planned again when its orders are done. ``may_cancel``: whether entries
    that would undo a close may be canceled first; False once that was asked for.
    """
    request = _with_position_side(request, view)
    if isinstance(request.intent, CancelOrders):
        return _plan_cancel(request.symbol, request.intent, view)
    instrument = view.instruments.get(request.symbol)
    if instrument is None:
        message = f"{request.symbol} is not in the instrument list"
        return Refusal(reason_code=PlanReason.INSTRUMENT_UNKNOWN.value, message=message)
    draft = Draft(request, view, instrument, first_leg=first_leg, deadline_ms=deadline_ms)
    refusal = _check_request(draft, instrument)
    if refusal is not None:
        return refusal
    entries = entries_against(request, view, instrument) if may_cancel and not request.dry_run else ()
    if entries:
        return CancelPlan(orders=entries, first=True)
    match request.intent:
        case Enter() as intent:
            return _enter(draft, intent)
        case Close() as intent:
            return close(draft, intent) if intent.scope is CloseScope.ACCOUNT else close_share(draft, intent)
        case SetTarget() as intent:
            return reach_target(draft, intent)


def _with_position_side(request: OrderRequest, view: AccountView) -> OrderRequest:
    """Say which side a close means that was named by the side of its order, where both may be held."""
    intent = request.intent
    if not isinstance(intent, Close) or intent.order_side is None or intent.position_side is not None:
        return request
    if view.book.position_mode is PositionMode.NET:
        return request
    side = PositionSide.LONG if intent.order_side is Side.SELL else PositionSide.SHORT
    return replace(request, intent=replace(intent, position_side=side))


def _enter(draft: Draft, intent: Enter) -> Plan | Nothing | Refusal:
    if not draft.instrument.is_spot:
        if draft.request.reduce_only:
            return reduce(draft, intent.side, intent.size)
        return open_position(draft, intent.side, intent.size)
    if intent.side is Side.SELL:
        return sell_spot(draft, intent.size)
    if draft.request.reduce_only:
        return draft.nothing(PlanReason.REDUCE_ONLY_NO_POSITION, "spot is never held short, so no buy can reduce it")
    return buy_spot(draft, intent.size)


def _check_request(draft: Draft, instrument: Instrument) -> Refusal | None:
    request = draft.request
    if instrument.state is not InstrumentState.LIVE:
        message = f"the venue takes no orders for {instrument.symbol} now"
        return draft.refuse(PlanReason.INSTRUMENT_SUSPENDED, message)
    if request.order_type not in _PLANNABLE:
        message = f"{request.order_type.value.replace('_', ' ')} orders cannot be placed yet; market and limit can"
        return draft.refuse(PlanReason.ORDER_TYPE_NOT_AVAILABLE, message)
    if request.order_type is OrderType.LIMIT and (request.limit_price is None or request.limit_price <= ZERO):
        return draft.refuse(PlanReason.LIMIT_PRICE_MISSING, "a limit order needs a price above zero")
    size = None if isinstance(request.intent, CancelOrders) else request.intent.size
    if size is not None and (size.amount <= ZERO or (size.unit is SizeUnit.PERCENT and size.amount > HUNDRED)):
        unit = " %" if size.unit is SizeUnit.PERCENT else ""
        message = f"a size of {show(size.amount)}{unit} makes no order; percentages go from above 0 to 100"
        return draft.refuse(PlanReason.SIZE_INVALID, message, size=size.amount)
    return None


def _plan_cancel(symbol: str, intent: CancelOrders, view: AccountView) -> CancelPlan | Nothing:
    orders = tuple(order for order in view.book.orders.values() if _is_meant(order, symbol, intent))
    if orders:
        return CancelPlan(orders=orders)
    kept = sum(order.symbol == symbol for order in view.book.orders.values())
    message = f"no open order of {symbol} to cancel"
    if kept and not intent.order_ids:
        message += f"; {kept} protective order(s) stay, name one to cancel it"
    return Nothing(reason_code=PlanReason.NOTHING_TO_CANCEL.value, message=message)


def _is_meant(order: Order, symbol: str, intent: CancelOrders) -> bool:
    """Whether a cancel covers an order: protection, which the venue made for a position, only when it is named."""
    if order.symbol != symbol:
        return False
    return order.order_id in intent.order_ids if intent.order_ids else not order.origin
