"""The part of an explanation about one order: its terms, what the venue said about it, and its fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from fairlead.core.model import events as ev
from fairlead.core.model.account import MarginMode
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO, format_amount
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.request import TimeInForce
from fairlead.ports import JournalRow
from fairlead.reporting.explanation import FillPart, OrderPart, VenueMessage


@dataclass(slots=True)
class OrderFacts:
    """The journal's rows about one order, oldest first."""

    approved: tuple[JournalRow, ev.OrderApproved] | None = None
    born: tuple[JournalRow, ev.VenueOrderBorn] | None = None
    rows: list[JournalRow] = field(default_factory=list)


def quantity_unit(symbol: str, margin_mode: MarginMode | None, instrument: Instrument | None) -> str:
    """What quantities of an instrument count; a guess from the native symbol only when the instrument is not known."""
    if instrument is not None:
        return instrument.quantity_unit
    return symbol.partition("-")[0] if margin_mode is MarginMode.CASH else "contracts"


def describe_order(facts: OrderFacts, state: Order | None, instrument: Instrument | None) -> OrderPart:
    """Put everything about one order together; ``state`` is its table row, when there is one."""
    order = _find_order(facts)
    timeline = _replay(facts, order, instrument)
    filled = sum((fill.quantity for fill in timeline.fills), ZERO)
    known = state is not None and state.filled_quantity == filled
    return OrderPart(
        order_id=order.order_id,
        venue_order_id=timeline.venue_order_id,
        leg=order.leg,
        side=order.side,
        position_side=order.position_side,
        order_type=order.order_type,
        terms=_describe_terms(order),
        quantity=order.quantity,
        unit=_quote_currency(order, instrument) if order.in_quote else _unit(order, instrument),
        filled_quantity=filled,
        filled_unit=_unit(order, instrument),
        average_price=state.average_price if state and known else _average(timeline.fills, instrument),
        fees=timeline.fees,
        status=state.status if state else timeline.status,
        reason_code=timeline.reason_code,
        message=timeline.message,
        deadline_ms=order.deadline_ms,
        sizing=facts.approved[1].sizing if facts.approved else (),
        verdict=facts.approved[1].verdict if facts.approved else None,
        messages=tuple(timeline.messages),
        fills=tuple(timeline.fills),
        origin=order.origin,
        policies=facts.approved[1].policies if facts.approved else (),
    )


def _find_order(facts: OrderFacts) -> Order:
    """The order as it was first written down."""
    if facts.approved is not None:
        return facts.approved[1].order
    assert facts.born is not None, "an order is either approved by us or made by the venue"
    row, event = facts.born
    report = event.report
    return Order(
        order_id=report.order_id,
        request_id="",
        tenant=row.tenant,
        account_id=event.account_id,
        symbol=report.symbol,
        side=report.side,
        position_side=report.position_side,
        margin_mode=report.margin_mode,
        leverage=ZERO,
        order_type=report.order_type,
        time_in_force=TimeInForce.GTC,
        quantity=report.quantity,
        deadline_ms=0,
        created_ms=report.at_ms,
        updated_ms=report.at_ms,
        stop_loss_price=report.stop_loss_price,
        take_profit_price=report.take_profit_price,
        status=OrderStatus.ACCEPTED,
        venue_order_id=report.venue_order_id,
        parent_id=report.parent_id,
        origin=report.origin,
    )


@dataclass(slots=True)
class _Timeline:
    """What the rows of an order add up to."""

    status: str
    venue_order_id: str
    messages: list[VenueMessage]
    fills: list[FillPart] = field(default_factory=list)
    fees: dict[str, Decimal] = field(default_factory=dict)
    reason_code: str = ""
    message: str = ""


def _replay(facts: OrderFacts, order: Order, instrument: Instrument | None) -> _Timeline:
    timeline = _Timeline(order.status, order.venue_order_id, [_describe_start(facts, order)])
    for row in facts.rows:
        match row.event:
            case ev.OrderAccepted() as event:
                timeline.venue_order_id = event.venue_order_id
                _note(timeline, OrderStatus.ACCEPTED, at_ms=event.at_ms, text=f"as {event.venue_order_id}")
            case ev.OrderRejected() as event:
                _note(timeline, OrderStatus.REJECTED, at_ms=event.at_ms, code=event.reason_code, text=event.message)
            case ev.OrderUnknown() as event:
                _note(timeline, OrderStatus.UNKNOWN, at_ms=event.at_ms, text=event.message)
            case ev.OrderCanceled() as event:
                _note(timeline, OrderStatus.CANCELED, at_ms=event.at_ms, code=event.reason_code, text=event.message)
            case ev.OrderExpired() as event:
                _note(timeline, OrderStatus.EXPIRED, at_ms=event.at_ms, text=event.message)
            case ev.OrderFilled() as event:
                _take_fill(timeline, event, unit=_unit(order, instrument))
            case _:
                pass
    return timeline


def _describe_start(facts: OrderFacts, order: Order) -> VenueMessage:
    if facts.approved is None:
        return VenueMessage(at_ms=order.created_ms, what="made by the venue", code=order.origin)
    return VenueMessage(at_ms=facts.approved[0].at_ms, what="approved", text="and written down, then sent")


def _note(timeline: _Timeline, status: OrderStatus, *, at_ms: int, code: str = "", text: str = "") -> None:
    timeline.messages.append(VenueMessage(at_ms=at_ms, what=status, code=code, text=text))
    # A late acceptance says nothing new about an order that is already filling.
    if status is not OrderStatus.ACCEPTED or not timeline.fills:
        timeline.status = status
    if status is not OrderStatus.ACCEPTED:
        timeline.reason_code, timeline.message = code, text


def _take_fill(timeline: _Timeline, event: ev.OrderFilled, *, unit: str) -> None:
    fill = event.fill
    timeline.fills.append(
        FillPart(
            trade_id=fill.trade_id,
            at_ms=fill.at_ms,
            price=fill.price,
            quantity=fill.quantity,
            fee=fill.fee,
            fee_currency=fill.fee_currency,
            liquidity=fill.liquidity,
        ),
    )
    timeline.fees[fill.fee_currency] = timeline.fees.get(fill.fee_currency, ZERO) + fill.fee
    timeline.status = OrderStatus.FILLED if event.is_last else OrderStatus.PARTIALLY_FILLED
    timeline.reason_code = timeline.message = ""
    text = (
        f"{format_amount(fill.quantity)} {unit} at {format_amount(fill.price)}, {fill.liquidity}, "
        f"fee {format_amount(fill.fee)} {fill.fee_currency} (trade {fill.trade_id})"
    )
    timeline.messages.append(VenueMessage(at_ms=fill.at_ms, what="fill", text=text))


def _average(fills: list[FillPart], instrument: Instrument | None) -> Decimal:
    filled = sum((fill.quantity for fill in fills), ZERO)
    if not filled:
        return ZERO
    if instrument is not None and instrument.is_inverse:
        # A contract is worth a fixed amount of quote currency, so prices average harmonically.
        return filled / sum((fill.quantity / fill.price for fill in fills), ZERO)
    return sum((fill.quantity * fill.price for fill in fills), ZERO) / filled


def _describe_terms(order: Order) -> tuple[str, ...]:
    prices = (
        ("limit", order.limit_price),
        ("trigger", order.trigger_price),
        ("stop-loss", order.stop_loss_price),
        ("take-profit", order.take_profit_price),
    )
    flags = (
        (order.time_in_force, order.time_in_force is not TimeInForce.GTC),
        ("post-only", order.post_only),
        ("reduce-only", order.reduce_only),
        (
            f"{format_amount(order.leverage)}x {order.margin_mode}",
            order.margin_mode is not MarginMode.CASH and order.leverage,
        ),
    )
    return (
        *(f"{name} {format_amount(price)}" for name, price in prices if price is not None),
        *(str(name) for name, is_set in flags if is_set),
    )


def _unit(order: Order, instrument: Instrument | None) -> str:
    return quantity_unit(order.symbol, order.margin_mode, instrument)


def _quote_currency(order: Order, instrument: Instrument | None) -> str:
    return instrument.quote_currency if instrument else order.symbol.rpartition("-")[2]
