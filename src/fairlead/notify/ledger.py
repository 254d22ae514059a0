"""What fills realised: positions as of the reader's place in the journal, moved by the rules that the desk uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from fairlead.core.model.account import Position, PositionSide
from fairlead.core.model.events import AccountAdopted, PositionAdopted
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Fill, Order
from fairlead.core.model.reports import VenuePosition
from fairlead.core.rules.order_state import InvariantBroken
from fairlead.core.rules.position_state import apply_fill

PositionKey = tuple[str, str, PositionSide]


class FillSum(msgspec.Struct, frozen=True, kw_only=True):
    """What the fills of one order add up to so far; ``realized`` is None when it cannot be known (spot)."""

    quantity: Decimal = ZERO
    realized: Decimal | None = ZERO
    currency: str = ""

    def add(self, fill: Fill, realized: Decimal | None, currency: str) -> FillSum:
        """Add one fill."""
        known = self.realized is not None and realized is not None
        return FillSum(
            quantity=self.quantity + fill.quantity,
            realized=(self.realized or ZERO) + (realized or ZERO) if known else None,
            currency=currency,
        )


class Ledger:
    """Open positions of every account; ``changed`` collects those that moved, None for one that is flat."""

    def __init__(self, positions: Iterable[Position] = ()) -> None:
        """Start from positions as they are stored."""
        self.positions: dict[PositionKey, Position] = {key_of(position): position for position in positions}
        self.changed: dict[PositionKey, Position | None] = {}

    def fill(self, order: Order, fill: Fill, instrument: Instrument | None) -> Decimal | None:
        """Book one fill; returns the P&L that it realised in the settle currency, None when nobody can tell."""
        if instrument is None or instrument.is_spot:
            return None
        key = (order.account_id, order.symbol, order.position_side)
        position = self.positions.get(key) or _flat(order)
        try:
            after, realized = apply_fill(position, order.side, fill.price, fill.quantity, fill.fee, instrument)
        except InvariantBroken:
            # The desk halts on it and says so; here it only means that the next profits are not known.
            self._put(key, None)
            return None
        self._put(key, after if after.quantity else None)
        return realized

    def adopt(self, event: AccountAdopted) -> None:
        """Take the venue's positions for ours; what it does not list is gone."""
        for key in [key for key in self.positions if key[0] == event.account_id]:
            self._put(key, None)
        for theirs in event.positions:
            if theirs.quantity:
                self._take(event.tenant, event.account_id, theirs)

    def adopt_position(self, event: PositionAdopted) -> None:
        """Take one position of the venue for ours."""
        self._take(event.tenant, event.account_id, event.position)

    def _take(self, tenant: str, account_id: str, theirs: VenuePosition) -> None:
        position = Position(
            tenant=tenant,
            account_id=account_id,
            symbol=theirs.symbol,
            position_side=theirs.position_side,
            margin_mode=theirs.margin_mode,
            leverage=theirs.leverage,
            quantity=theirs.quantity,
            entry_price=theirs.entry_price,
        )
        self._put(key_of(position), position if position.quantity else None)

    def _put(self, key: PositionKey, position: Position | None) -> None:
        self.changed[key] = position
        if position is None:
            self.positions.pop(key, None)
        else:
            self.positions[key] = position


def key_of(position: Position) -> PositionKey:
    """What a position is filed by."""
    return (position.account_id, position.symbol, position.position_side)


def realized_sums(sums: Iterable[FillSum]) -> Mapping[str, Decimal]:
    """Add up what is known, by currency."""
    totals: dict[str, Decimal] = {}
    for one in sums:
        if one.realized is not None and one.quantity:
            totals[one.currency] = totals.get(one.currency, ZERO) + one.realized
    return totals


def _flat(order: Order) -> Position:
    return Position(
        tenant=order.tenant,
        account_id=order.account_id,
        symbol=order.symbol,
        position_side=order.position_side,
        margin_mode=order.margin_mode,
        leverage=order.leverage,
    )
