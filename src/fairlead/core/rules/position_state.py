"""What fills, fees and funding make of a position: net (signed) and long/short, linear and inverse."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from fairlead.core.model.account import Position, PositionSide
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.margin import entry_average, entry_cost, realized_profit
from fairlead.core.rules.order_state import InvariantBroken


def apply_fill(
    position: Position,
    side: Side,
    price: Decimal,
    quantity: Decimal,
    fee: Decimal,
    instrument: Instrument,
) -> tuple[Position, Decimal]:
    """Add one fill; returns the position and the P&L that it realised, without the fee.

    A fill that goes through zero closes what is held and opens the rest at its own price. Flat means quantity and entry
    price exactly zero.

    Raises:
        InvariantBroken: a long or short side would turn into its opposite.
    """
    held = position.signed_quantity
    change = quantity if side is Side.BUY else -quantity
    after = held + change
    _check_side(position, after)
    reduces = held != ZERO and (held > ZERO) is not (change > ZERO)
    closing = min(abs(held), quantity) if reduces else ZERO
    entry, realized = position.entry_price, ZERO
    cost = position.entry_cost or entry_cost(instrument, abs(held), entry)
    if closing:
        part = closing if held > ZERO else -closing
        realized = realized_profit(instrument, part, entry, price)
        cost = entry_cost(instrument, abs(held) - closing, entry)
    if not after:
        entry = cost = ZERO
    elif opening := quantity - closing:
        # From the exact sum, not from the last average: each rounding of that would be one more to carry along.
        cost += entry_cost(instrument, opening, price)
        entry = price if opening == abs(after) else entry_average(instrument, abs(after), cost)
    changed = replace(
        position,
        quantity=_unsigned(position, after),
        entry_price=entry,
        entry_cost=cost,
        realized_pnl=position.realized_pnl + realized,
        fee=position.fee + fee,
    )
    return changed, realized


def apply_funding(position: Position, amount: Decimal) -> Position:
    """Add a funding payment: positive was received."""
    return replace(position, funding=position.funding + amount)


def _check_side(position: Position, after: Decimal) -> None:
    side = position.position_side
    if (side is PositionSide.LONG and after < ZERO) or (side is PositionSide.SHORT and after > ZERO):
        raise InvariantBroken(f"{position.symbol}: a {side} position would become {after}")


def _unsigned(position: Position, signed: Decimal) -> Decimal:
    if not signed:
        return ZERO
    return -signed if position.position_side is PositionSide.SHORT else signed
