"""Books fills into a deal: from what was executed, never from what was ordered."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from fairlead.core.model.bots.deal import Deal, DealFill
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO


def book_fill(deal: Deal, fill: DealFill, instrument: Instrument) -> Deal:
    """Add an execution to a deal: in its direction it opens, against it it closes, and beyond that it turns it round.

    What is closed leaves at the average, so that the average of the rest does not move.
    """
    if not deal.quantity or fill.is_buy is deal.is_long:
        return _open(deal, fill)
    over = fill.quantity - deal.quantity
    if over <= ZERO:
        return _close(deal, fill, inverse=instrument.is_inverse)
    first, rest = _split(fill, deal.quantity)
    closed = _close(deal, first, inverse=instrument.is_inverse)
    # Spot is never held short: more than we knew of was sold, and it is gone.
    return closed if instrument.is_spot else _open(closed, rest)


def _open(deal: Deal, fill: DealFill) -> Deal:
    quantity = fill.quantity - fill.fee_base
    return Deal(
        deal.quantity + quantity,
        deal.cost + fill.value,
        deal.fees + fill.fee_settle,
        deal.opened + quantity,
        deal.base_cost + fill.value if fill.is_base else deal.base_cost,
        deal.first_price or fill.price,
        fill.price,
        deal.realized,
        deal.realized_before,
        fill.is_buy,
        deal.lost,
    )


def _close(deal: Deal, fill: DealFill, *, inverse: bool) -> Deal:
    held = deal.quantity
    if fill.quantity == held:
        cost, fees, base_cost, left = deal.cost, deal.fees, ZERO, ZERO
    else:
        cost, fees = deal.cost * fill.quantity / held, deal.fees * fill.quantity / held
        left = held - fill.quantity
        base_cost = deal.base_cost * left / held
    # An inverse contract pays in the coin: its value falls as the price rises.
    gain = fill.value - cost if deal.is_long is not inverse else cost - fill.value
    return replace(
        deal,
        quantity=left,
        cost=deal.cost - cost,
        fees=deal.fees - fees,
        base_cost=base_cost,
        realized=deal.realized + gain - fees - fill.fee_settle,
    )


def _split(fill: DealFill, quantity: Decimal) -> tuple[DealFill, DealFill]:
    part = quantity / fill.quantity
    first = replace(fill, quantity=quantity, value=fill.value * part, fee_settle=fill.fee_settle * part)
    left = fill.quantity - quantity
    return first, replace(
        fill, quantity=left, value=fill.value - first.value, fee_settle=fill.fee_settle - first.fee_settle
    )


def average_price(deal: Deal, instrument: Instrument) -> Decimal:
    """Average entry from fills (harmonic for inverse contracts, OKX API v5: avgPx); zero when nothing is held."""
    return fill_price(instrument, deal.quantity, deal.cost)


def fill_price(instrument: Instrument, quantity: Decimal, value: Decimal) -> Decimal:
    """Average price of what was filled, from its value in the settle currency; zero for nothing."""
    if not quantity or not value:
        return ZERO
    size = quantity * instrument.contract_value
    return size / value if instrument.is_inverse else value / size


def sellable(deal: Deal, instrument: Instrument) -> Decimal:
    """What of it makes whole lots; zero when it is dust, below the least order."""
    whole = instrument.round_quantity_down(deal.quantity)
    return whole if whole >= instrument.quantity_min else ZERO


def is_sellable(deal: Deal, instrument: Instrument, price: Decimal) -> bool:
    """Whether it makes an order at this price."""
    whole = sellable(deal, instrument)
    return bool(whole) and instrument.notional_in_quote(whole, price) >= instrument.notional_min


def footing(deal: Deal) -> Decimal:
    """Grows with everything that an exit has to be planned anew for; what the exit itself fills does not move it."""
    return deal.opened + deal.lost


def next_deal(deal: Deal) -> Deal:
    """The ledger of the next cycle: dust that could not be sold goes along at its cost."""
    return Deal(
        quantity=deal.quantity,
        cost=deal.cost,
        fees=deal.fees,
        opened=deal.quantity,
        realized_before=deal.realized_before + deal.realized,
        is_long=deal.is_long,
    )
