"""Sizes of orders that open or add to a perpetual position: contracts, leverage, margin (docs/alerts.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import Side, Size, SizeUnit
from fairlead.core.rules.closing import closing_side, held_positions
from fairlead.core.rules.draft import Draft, Terms
from fairlead.core.rules.holds import HOLD_FEE_RATE, may_add
from fairlead.core.rules.margin import leverage_unset, max_contracts
from fairlead.core.rules.plan import LeverageChange, Plan, PlanReason, Refusal
from fairlead.core.rules.sizing import Ratio, percent_of, show, show_in, to_native
from fairlead.core.rules.valuation import available_of

# A market order may trade a little beyond the touch, and its margin is checked there; so nobody's 100 % is refused.
MARKET_PRICE_ALLOWANCE: Final = Decimal("0.005")


class _Entry(msgspec.Struct, frozen=True):
    """How a position is opened, the setting that must change first, and what is held the other way: that closes."""

    terms: Terms
    changes: tuple[LeverageChange, ...]
    closable: Decimal


def open_position(draft: Draft, side: Side, size: Size) -> Plan | Refusal:
    """Trade contracts in one direction; in net mode it may close or flip what is held the other way."""
    refusal = draft.check_price(side)
    if refusal is not None:
        return refusal
    entry = _entry(draft, side)
    if isinstance(entry, Refusal):
        return entry
    currency = draft.instrument.settle_currency
    available = available_of(draft.view.book, currency, draft.view.worth.positions)
    if available is None:
        return draft.refuse(PlanReason.VALUE_UNKNOWN, "what is free cannot be told: a position has no price now")
    most = _most(draft, entry, available)
    refusal = draft.check_means(size, (available, currency), most, draft.price(side))
    if refusal is not None:
        return refusal
    quantity = _quantity(draft, size, most, entry.terms)
    if isinstance(quantity, Refusal):
        return quantity
    closing = min(quantity, entry.closable)
    quantity = draft.scale_for_losses(quantity, draft.instrument.lot_size, draft.unit, closing)
    refusal = draft.check_least(quantity, draft.price(side))
    if refusal is not None:
        return refusal
    legs = draft.build_legs(entry.terms, quantity)
    return legs if isinstance(legs, Refusal) else draft.plan(legs, entry.changes)


def entry_side(draft: Draft, side: Side) -> PositionSide:
    """Holding that an entry of this side opens or adds to."""
    if draft.view.book.position_mode is PositionMode.NET:
        return PositionSide.NET
    return PositionSide.LONG if side is Side.BUY else PositionSide.SHORT


def _resting_in_other_mode(draft: Draft, mode: MarginMode, position_side: PositionSide) -> list[str]:
    # Both would fill, and a venue then keeps two positions of the same side, one a mode.
    return [
        order.order_id
        for order in draft.view.book.orders.values()
        if order.symbol == draft.instrument.symbol
        and order.position_side is position_side
        and order.margin_mode is not mode
        and may_add(order, draft.instrument)
    ]


def _entry(draft: Draft, side: Side) -> _Entry | Refusal:
    symbol, mode = draft.instrument.symbol, draft.request.margin_mode
    position_side = entry_side(draft, side)
    if mode is None or mode is MarginMode.CASH:
        return draft.refuse(PlanReason.MARGIN_MODE_MISSING, f"{symbol} needs a margin mode, cross or isolated")
    held = draft.view.book.positions.get((symbol, position_side))
    if held is not None and held.quantity and held.margin_mode is not mode:
        message = f"the {symbol} position is {held.margin_mode}, so it cannot be added to with {mode} margin"
        return draft.refuse(PlanReason.MARGIN_MODE_CONFLICT, message)
    resting = _resting_in_other_mode(draft, mode, position_side)
    if resting:
        message = f"open entries of {symbol} have another margin mode than {mode}: cancel {', '.join(resting)} first"
        return draft.refuse(PlanReason.MARGIN_MODE_CONFLICT, message)
    leverage = _leverage(draft, mode, position_side)
    if isinstance(leverage, Refusal):
        return leverage
    key = draft.view.book.leverage_key(symbol, mode, position_side)
    changes: tuple[LeverageChange, ...] = ()
    # A setting that is not known is set, so that the size rests on a fact.
    if draft.request.leverage is not None and draft.view.book.leverages.get(key) != leverage:
        changes = (LeverageChange(symbol=symbol, margin_mode=mode, position_side=key[2], leverage=leverage),)
        draft.note("leverage", "to be set at the venue first", f"{show(leverage)}×")
    terms = Terms(side=side, position_side=position_side, margin_mode=mode, leverage=leverage)
    return _Entry(terms, changes, _closable(draft, terms))


def _leverage(draft: Draft, mode: MarginMode, position_side: PositionSide) -> Decimal | Refusal:
    wanted, most = draft.request.leverage, draft.instrument.leverage_max
    if wanted is None:
        known = draft.view.book.leverages.get(
            draft.view.book.leverage_key(draft.instrument.symbol, mode, position_side),
        )
        return leverage_unset(draft.instrument) if known is None else known
    if wanted <= ZERO:
        return draft.refuse(PlanReason.LEVERAGE_INVALID, "a leverage must be above zero", leverage=wanted)
    if wanted > most:
        message = f"leverage {show(wanted)} is above the {show(most)} that {draft.instrument.symbol} allows"
        return draft.refuse(PlanReason.LEVERAGE_ABOVE_MAX, message, leverage=wanted, leverage_max=most)
    return wanted


def _most(draft: Draft, entry: _Entry, available: Decimal) -> Decimal:
    """Greatest quantity: what the free margin opens, plus what only closes a net position of the other direction."""
    instrument, terms = draft.instrument, entry.terms
    currency = instrument.settle_currency
    draft.note("available", f"{currency} free of open orders and margin", show_in(available, currency))
    price = _margin_price(draft, terms.side)
    fee_rate = max(HOLD_FEE_RATE, draft.view.account.fee_rates.perpetual_taker)
    opens = max_contracts(instrument, available, price, terms.leverage, fee_rate)
    per_contract, leverage = instrument.notional(ONE, price), show(terms.leverage)
    formula = (
        f"{show(available)} × {leverage} leverage / ({show(per_contract)} {currency} per contract "
        f"at {show(price)} × (1 + {leverage} × {show(fee_rate)} fee))"
    )
    draft.note("at most", formula, show_in(opens, draft.unit))
    if entry.closable:
        draft.note("and closing", "what is held the other way needs no margin", show_in(entry.closable, draft.unit))
    return opens + entry.closable


def _closable(draft: Draft, terms: Terms) -> Decimal:
    """What is held the other way, in net mode: an entry closes it first."""
    return sum(
        (
            abs(position.quantity)
            for position in held_positions(draft)
            if position.position_side is terms.position_side and closing_side(position) is terms.side
        ),
        ZERO,
    )


def _margin_price(draft: Draft, side: Side) -> Decimal:
    """Price at which margin is counted: the dearest that the order may reach. Inverse contracts are dear when cheap."""
    price = draft.price(side)
    if not draft.is_market:
        return price
    if draft.instrument.is_inverse:
        return price if side is Side.BUY else price * (ONE - MARKET_PRICE_ALLOWANCE)
    return price * (ONE + MARKET_PRICE_ALLOWANCE) if side is Side.BUY else price


def _quantity(draft: Draft, size: Size, most: Decimal, terms: Terms) -> Decimal | Refusal:
    instrument = draft.instrument
    if size.unit is SizeUnit.PERCENT:
        wish: Ratio | None = percent_of(size.amount, most, show_in(most, draft.unit))
    else:
        wish = to_native(instrument, size, draft.price(terms.side))
    if wish is None:
        return draft.refuse(PlanReason.SIZE_INVALID, f"{instrument.symbol} is not counted in {size.unit.value}")
    draft.note("size", wish.formula, show_in(wish.value, draft.unit))
    quantity = wish.lots_down(instrument)
    draft.note_lots(quantity)
    if quantity <= most:
        return quantity
    if not draft.request.cap_to_available:
        message = (
            f"{show_in(quantity, draft.unit)} is more than the {show_in(most, draft.unit)} that the account can open"
        )
        return draft.refuse(PlanReason.INSUFFICIENT_BALANCE, message, quantity=quantity, quantity_available=most)
    capped = instrument.round_quantity_down(most)
    draft.note("capped", "no more than the account can open", show_in(capped, draft.unit))
    return capped
