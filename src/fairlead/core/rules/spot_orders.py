"""Sizes of spot orders: what a percentage, a base or a quote amount becomes (docs/alerts.md)."""

from __future__ import annotations

from decimal import Decimal

from fairlead.core.model.money import HUNDRED, ZERO, floor_to_step
from fairlead.core.model.request import Side, Size, SizeUnit
from fairlead.core.rules.draft import Draft, Terms
from fairlead.core.rules.plan import Nothing, Plan, PlanReason, Refusal
from fairlead.core.rules.sizing import QUOTE_STEP, Ratio, percent_of, show, show_in, to_native
from fairlead.core.rules.valuation import available_of

WHOLE = Size(amount=HUNDRED, unit=SizeUnit.PERCENT)


def buy_spot(draft: Draft, size: Size) -> Plan | Refusal:
    """Buy an amount of the base currency, or for an amount of the quote currency."""
    instrument, price = draft.instrument, draft.price(Side.BUY)
    refusal = draft.check_price(Side.BUY)
    if refusal is not None:
        return refusal
    currency = instrument.quote_currency
    available = available_of(draft.view.book, currency, draft.view.worth.positions)
    if available is None:
        return draft.refuse(PlanReason.VALUE_UNKNOWN, "what is free cannot be told: a position has no price now")
    draft.note("available", f"{currency} free of open orders and margin", show_in(available, currency))
    refusal = draft.check_means(size, (available, currency), available / price, price)
    if refusal is not None:
        return refusal
    if size.unit in {SizeUnit.PERCENT, SizeUnit.QUOTE}:
        budget = _budget(draft, size, available)
        if isinstance(budget, Refusal):
            return budget
        budget = draft.scale_for_losses(budget, QUOTE_STEP, currency)
        if draft.is_market:
            return _spend(draft, budget)
        wish = Ratio(budget, price, f"{show_in(budget, currency)} / {show(price)}")
    else:
        native = to_native(instrument, size, price)
        if native is None:
            return draft.refuse(PlanReason.SIZE_INVALID, f"{instrument.symbol} is not counted in {size.unit.value}")
        wish = native
    draft.note("size", wish.formula, show_in(wish.value, draft.unit))
    quantity = wish.lots_down(instrument)
    draft.note_lots(quantity)
    affordable = Ratio(available, price, f"{show_in(available, currency)} / {show(price)}")
    most = affordable.lots_down(instrument)
    if quantity > most:
        if not draft.request.cap_to_available:
            return _too_much(draft, f"{show_in(quantity * price, currency)} at {show(price)}", available, currency)
        quantity = _cap(draft, affordable.formula, most)
    quantity = draft.scale_for_losses(quantity, instrument.lot_size, draft.unit)
    return _plan(draft, Terms(side=Side.BUY), quantity, price)


def sell_spot(
    draft: Draft,
    size: Size,
    *,
    is_close: bool = False,
    most: Decimal | None = None,
) -> Plan | Nothing | Refusal:
    """Sell an amount or a percentage of the base currency that is free; closing sells no more than there is.

    ``most`` is the share that is meant, when not all of the account's holding is.
    """
    instrument, price = draft.instrument, draft.price(Side.SELL)
    currency = instrument.base_currency
    available = available_of(draft.view.book, currency, draft.view.worth.positions)
    if available is None:
        return draft.refuse(PlanReason.VALUE_UNKNOWN, "what is free cannot be told: a position has no price now")
    draft.note("available", f"{currency} free of open orders", show_in(available, currency))
    available = available if most is None else min(available, most)
    if is_close and available < max(instrument.quantity_min, instrument.lot_size):
        return _nothing_to_sell(draft, available)
    refusal = draft.check_means(size, (available, currency), available, price)
    if refusal is not None and not is_close:
        return refusal
    if size.unit is SizeUnit.PERCENT:
        wish: Ratio | None = percent_of(size.amount, available, show_in(available, currency))
    elif size.unit is SizeUnit.QUOTE and price <= ZERO:
        return draft.check_price(Side.SELL) or draft.refuse(PlanReason.QUOTE_MISSING, "no price")
    else:
        wish = to_native(instrument, size, price)
    if wish is None:
        return draft.refuse(PlanReason.SIZE_INVALID, f"{instrument.symbol} is not counted in {size.unit.value}")
    draft.note("size", wish.formula, show_in(wish.value, currency))
    quantity = wish.lots_down(instrument)
    draft.note_lots(quantity)
    sellable = instrument.round_quantity_down(available)
    if quantity > sellable:
        if not (is_close or draft.request.cap_to_available):
            return _too_much(draft, show_in(quantity, currency), available, currency)
        quantity = _cap(draft, show_in(available, currency), sellable)
    dust = available - quantity
    if ZERO < dust < max(instrument.lot_size, instrument.quantity_min):
        draft.note("dust", "what stays is too small to sell", show_in(dust, currency))
    return _plan(draft, Terms(side=Side.SELL, is_close=is_close), quantity, price)


def _budget(draft: Draft, size: Size, available: Decimal) -> Decimal | Refusal:
    """Quote amount to spend, rounded down."""
    currency = draft.instrument.quote_currency
    if size.unit is SizeUnit.PERCENT:
        share = percent_of(size.amount, available, f"{show_in(available, currency)} available")
        budget = floor_to_step(share.value, QUOTE_STEP)
        draft.note("to spend", share.formula, show_in(budget, currency))
        return budget
    budget = floor_to_step(size.amount, QUOTE_STEP)
    draft.note("to spend", "as asked", show_in(budget, currency))
    if budget <= available:
        return budget
    if not draft.request.cap_to_available:
        return _too_much(draft, show_in(budget, currency), available, currency)
    budget = floor_to_step(available, QUOTE_STEP)
    draft.note("capped", f"no more than the {currency} available", show_in(budget, currency))
    return budget


def _spend(draft: Draft, budget: Decimal) -> Plan | Refusal:
    """A market order that spends a quote amount; the venue makes base lots of it."""
    price = draft.touch(Side.BUY)
    bought = Ratio(budget, price, f"{show_in(budget, draft.instrument.quote_currency)} / {show(price)}").value
    draft.note("about", f"at the best ask of {show(price)}", show_in(bought, draft.unit))
    refusal = draft.check_least(bought, price)
    if refusal is not None:
        return refusal
    legs = draft.build_legs(Terms(side=Side.BUY, in_quote=True), budget)
    return legs if isinstance(legs, Refusal) else draft.plan(legs)


def _cap(draft: Draft, most: str, quantity: Decimal) -> Decimal:
    draft.note("capped", f"no more than {most}", show_in(quantity, draft.unit))
    return quantity


def _too_much(draft: Draft, wanted: str, available: Decimal, currency: str) -> Refusal:
    message = f"{wanted} is more than the {show_in(available, currency)} available"
    return draft.refuse(PlanReason.INSUFFICIENT_BALANCE, message, available=available)


def _nothing_to_sell(draft: Draft, available: Decimal) -> Nothing:
    currency = draft.instrument.base_currency
    balance = draft.view.book.balances.get(currency)
    total = ZERO if balance is None else balance.total
    if total - available >= draft.instrument.quantity_min:
        message = f"open orders already sell {show_in(total - available, currency)}; nothing more is free"
        return draft.nothing(PlanReason.ALREADY_CLOSING, message)
    message = f"there is no {currency} to sell"
    if total > ZERO:
        message = f"the {show_in(total, currency)} held is dust, less than the least order"
    return draft.nothing(PlanReason.NO_POSITION, message)


def _plan(draft: Draft, terms: Terms, quantity: Decimal, price: Decimal) -> Plan | Refusal:
    refusal = draft.check_least(quantity, price)
    if refusal is not None:
        return refusal
    legs = draft.build_legs(terms, quantity)
    return legs if isinstance(legs, Refusal) else draft.plan(legs)
