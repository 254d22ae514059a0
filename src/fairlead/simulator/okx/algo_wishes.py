"""From the fields of an algo order to the waiting order that the exchange takes (OKX API v5)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from fairlead.core.model.account import PositionSide
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.request import Side
from fairlead.simulator.amending import Amendment
from fairlead.simulator.okx import words
from fairlead.simulator.okx.codes import GatewayCode, fault, refusal, wrong
from fairlead.simulator.okx.fields import Fields
from fairlead.simulator.okx.order_wishes import (
    AT_MARKET,
    read_client_id,
    read_leg,
    read_position_side,
    read_trade_mode,
)
from fairlead.simulator.orders import ExitLeg, Exits, NewOrder, Order, OrderType, Trail, TriggerSource
from fairlead.simulator.refusals import Code, refuse

if TYPE_CHECKING:
    from fairlead.core.model.market import Quote
    from fairlead.simulator.okx.endpoint import Call

CONDITIONAL: Final = "conditional"
OCO: Final = "oco"
TRIGGER: Final = "trigger"
TRAILING: Final = "move_order_stop"
ALGO_TYPES: Final = frozenset({CONDITIONAL, OCO, TRIGGER, TRAILING})
_WHOLE: Final = "1"


def read_algo(call: Call, instrument: Instrument) -> NewOrder:
    """Read one algo order.

    Raises:
        OkxError: the first parameter that is missing or wrong.
    """
    fields = call.fields
    fields.required("ordType")
    kind = fields.choice("ordType", ALGO_TYPES)
    fields.required("side")
    side = words.SIDES[fields.choice("side", words.SIDES)]
    order_type, trigger, exits, trail = _read_kind(call, kind, side, instrument)
    return NewOrder(
        client_order_id=read_client_id(fields, "algoClOrdId"),
        symbol=instrument.symbol,
        side=side,
        order_type=order_type,
        quantity=_quantity(call, instrument),
        limit_price=None if trigger is None else trigger.limit_price,
        reduce_only=fields.flag("reduceOnly") and not instrument.is_spot,
        margin_mode=read_trade_mode(fields, instrument),
        position_side=read_position_side(fields, instrument),
        trigger_price=None if trigger is None else trigger.trigger_price,
        trigger_source=_watched(fields) if trigger is None else trigger.source,
        trail=trail,
        exits=exits,
    )


def read_amendment(fields: Fields, order: Order) -> Amendment:
    """Read what is to change of an algo order that waits; only stops, take-profits and triggers can be changed.

    Raises:
        OkxError: 51000, one of the new values is wrong; 50015, there is none.
    """
    size = fields.positive("newSz") if fields.text("newSz") else None
    trigger = fields.positive("newTriggerPx") if fields.text("newTriggerPx") else None
    exits = order.wish.exits
    if exits is not None:
        exits = Exits(
            take_profit=_moved(fields, "Tp", exits.take_profit),
            stop_loss=_moved(fields, "Sl", exits.stop_loss),
            client_order_id=exits.client_order_id,
        )
    if size is None and trigger is None and exits == order.wish.exits:
        raise fault(GatewayCode.EITHER_REQUIRED, first="newSz", second="newTriggerPx")
    return Amendment(quantity=size, trigger_price=trigger, exits=exits)


def _read_kind(
    call: Call, kind: str, side: Side, instrument: Instrument
) -> tuple[OrderType, ExitLeg | None, Exits | None, Trail | None]:
    fields = call.fields
    if kind == TRAILING:
        return OrderType.TRAILING_STOP, None, None, _read_trail(fields)
    if kind == TRIGGER:
        leg = _read_trigger(fields)
        quote = call.venue.exchange.markets.quote(instrument.symbol)
        return _trigger_type(leg, side, quote), leg, None, None
    take_profit, stop_loss = read_leg(fields, "tp"), read_leg(fields, "sl")
    if take_profit is None and stop_loss is None:
        raise fault(GatewayCode.EITHER_REQUIRED, first="tpTriggerPx", second="slTriggerPx")
    if kind == OCO and (take_profit is None or stop_loss is None):
        fields.required("tpTriggerPx" if take_profit is None else "slTriggerPx")
    if kind == CONDITIONAL and stop_loss is not None:
        # Of both only the stop acts (OKX API v5).
        take_profit = None
    return OrderType.OCO, None, Exits(take_profit=take_profit, stop_loss=stop_loss), None


def _read_trigger(fields: Fields) -> ExitLeg:
    # Some clients name the price of the order as other kinds do.
    price = fields.text("orderPx") or fields.text("ordPx")
    if not price:
        fields.required("orderPx")
    name = "orderPx" if fields.text("orderPx") else "ordPx"
    return ExitLeg(
        trigger_price=fields.positive("triggerPx"),
        limit_price=None if price == AT_MARKET else fields.positive(name),
        source=_watched(fields),
    )


def _watched(fields: Fields) -> TriggerSource:
    name = fields.choice("triggerPxType", words.TRIGGER_SOURCES, TriggerSource.LAST.value)
    return words.TRIGGER_SOURCES[name]


def _trigger_type(leg: ExitLeg, side: Side, quote: Quote) -> OrderType:
    # OKX's trigger fires when the price comes to it from either side; ours know from which.
    watched = {TriggerSource.LAST: quote.last, TriggerSource.MARK: quote.mark, TriggerSource.INDEX: quote.index}
    is_above = leg.trigger_price > watched[leg.source]
    if is_above is (side is Side.BUY):
        return OrderType.STOP_MARKET if leg.limit_price is None else OrderType.STOP_LIMIT
    return OrderType.TAKE_PROFIT


def _read_trail(fields: Fields) -> Trail:
    return Trail(
        ratio=fields.amount("callbackRatio"),
        distance=fields.amount("callbackSpread"),
        activation_price=fields.amount("activePx"),
    )


def _quantity(call: Call, instrument: Instrument) -> Decimal:
    fields = call.fields
    if fields.text("closeFraction") != _WHOLE:
        return fields.positive("sz")
    if instrument.is_spot:
        raise wrong("closeFraction")
    side = read_position_side(fields, instrument)
    if side is PositionSide.NET and not fields.flag("reduceOnly"):
        raise wrong("reduceOnly")
    for view in call.venue.exchange.accounts.positions(call.account_id):
        if (view.symbol, view.position_side) == (instrument.symbol, side):
            return abs(view.quantity)
    raise refusal(refuse(Code.NOTHING_TO_REDUCE))


def _moved(fields: Fields, name: str, leg: ExitLeg | None) -> ExitLeg | None:
    trigger, order_price = f"new{name}TriggerPx", f"new{name}OrdPx"
    if leg is None or not (fields.text(trigger) or fields.text(order_price)):
        return leg
    price = fields.text(order_price)
    limit = leg.limit_price if not price else None if price == AT_MARKET else fields.positive(order_price)
    return ExitLeg(
        trigger_price=fields.positive(trigger) if fields.text(trigger) else leg.trigger_price,
        limit_price=limit,
        source=leg.source,
    )
