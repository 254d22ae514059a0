"""A venue as it is, with a watch on it: how long it takes to answer, and what."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.reports import (
    AccountReport,
    CancelOutcome,
    FindOutcome,
    PlaceOutcome,
    Rejected,
    Unknown,
)
from fairlead.observing.timeline import VenueCall
from fairlead.ports import Clock, DeliverReports, Venue, VenueCapabilities


class WatchedVenue:
    """Hands everything on unchanged."""

    def __init__(self, venue: Venue, clock: Clock, on_call: Callable[[VenueCall], None]) -> None:
        """Tell ``on_call`` about every answer."""
        self._venue = venue
        self._clock = clock
        self._on_call = on_call

    @property
    def capabilities(self) -> VenueCapabilities:
        """What it can promise."""
        return self._venue.capabilities

    @property
    def position_mode(self) -> PositionMode:
        """Net or long/short, as the venue has it."""
        return self._venue.position_mode

    def listen(self, deliver: DeliverReports) -> None:
        """Hand every later execution report to ``deliver``."""
        self._venue.listen(deliver)

    async def place_order(self, approved: ApprovedOrder) -> PlaceOutcome:
        """Send one order with its deadline."""
        began_s = self._clock.monotonic_s()
        outcome = await self._venue.place_order(approved)
        self._tell("place_order", approved.order.order_id, outcome, began_s)
        return outcome

    async def cancel_order(self, order: Order) -> CancelOutcome:
        """Ask the venue to cancel what is left of an order."""
        began_s = self._clock.monotonic_s()
        outcome = await self._venue.cancel_order(order)
        self._tell("cancel_order", order.order_id, outcome, began_s)
        return outcome

    async def set_leverage(
        self,
        symbol: str,
        margin_mode: MarginMode,
        position_side: PositionSide,
        leverage: Decimal,
    ) -> Rejected | Unknown | None:
        """Set the leverage of an instrument; None is success."""
        began_s = self._clock.monotonic_s()
        outcome = await self._venue.set_leverage(symbol, margin_mode, position_side, leverage)
        self._tell("set_leverage", "", outcome, began_s)
        return outcome

    async def find_order(self, order: Order) -> FindOutcome:
        """Ask what became of an order, by its client order id."""
        began_s = self._clock.monotonic_s()
        outcome = await self._venue.find_order(order)
        self._tell("find_order", order.order_id, outcome, began_s)
        return outcome

    async def read_account(self) -> AccountReport | Unknown:
        """Balances, positions and open orders as the venue has them now."""
        began_s = self._clock.monotonic_s()
        outcome = await self._venue.read_account()
        self._tell("read_account", "", outcome, began_s)
        return outcome

    def _tell(self, call: str, order_id: str, outcome: object, began_s: float) -> None:
        said = (
            "rejected" if isinstance(outcome, Rejected) else "unknown" if isinstance(outcome, Unknown) else "accepted"
        )
        self._on_call(
            VenueCall(order_id=order_id, call=call, outcome=said, began_s=began_s, ended_s=self._clock.monotonic_s())
        )
