"""A venue whose next answers are written in advance; everything else goes to the venue behind it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.reports import (
    AccountReport,
    CancelOutcome,
    ExecutionReport,
    FindOutcome,
    PlaceOutcome,
    Rejected,
    ReportAdjusted,
    ReportBorn,
    ReportFill,
    Unknown,
)
from fairlead.ports import DeliverReports, Venue, VenueCapabilities


class ScriptedVenue:
    """Stands between a desk and a real venue: loses requests or answers, refuses, or holds everything up."""

    def __init__(self, venue: Venue) -> None:
        """Start without a script: everything goes through."""
        self.venue = venue
        self.calls: list[str] = []
        self.placed: list[str] = []
        self.answers: deque[PlaceOutcome] = deque()
        self.cancels: deque[CancelOutcome] = deque()
        self.lose_answers = 0
        self.lose_requests = 0
        self.lose_settings = 0
        self.hears_all = False
        self.is_deaf = False
        self.is_silent = False
        self.describes_orders = True
        self.find_unanswered = 0
        self.read_unanswered = 0
        # Orders whose answer was lost: their reports are lost too, until somebody asks.
        self.unheard: set[str] = set()
        self.promises: VenueCapabilities | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    @property
    def capabilities(self) -> VenueCapabilities:
        """As the script promises, else as the venue behind, but with a network in between."""
        return self.promises or msgspec.structs.replace(self.venue.capabilities, late_arrivals=True)

    @property
    def position_mode(self) -> PositionMode:
        """As the venue behind."""
        return self.venue.position_mode

    def listen(self, deliver: DeliverReports) -> None:
        """Straight to the venue behind, but for the reports that the script loses."""

        def hear(reports: Sequence[ExecutionReport]) -> None:
            heard = [report for report in reports if not self._is_unheard(report)]
            if heard:
                deliver(heard)

        self.venue.listen(hear)

    async def place_order(self, approved: ApprovedOrder) -> PlaceOutcome:
        """Follow the script, then the venue."""
        self.calls.append("place_order")
        await self.gate.wait()
        if self.answers:
            return self.answers.popleft()
        if self.lose_requests:
            self.lose_requests -= 1
            return Unknown(message="the request was lost")
        self.placed.append(approved.order.order_id)
        if not self.lose_answers:
            return await self.venue.place_order(approved)
        self.lose_answers -= 1
        if not self.hears_all:
            self.unheard.add(approved.order.order_id)
        await self.venue.place_order(approved)
        return Unknown(message="the answer was lost")

    async def cancel_order(self, order: Order) -> CancelOutcome:
        """Follow the script, then the venue."""
        self.calls.append("cancel_order")
        if self.cancels:
            return self.cancels.popleft()
        return await self.venue.cancel_order(order)

    async def set_leverage(
        self,
        symbol: str,
        margin_mode: MarginMode,
        position_side: PositionSide,
        leverage: Decimal,
    ) -> Rejected | Unknown | None:
        """Follow the script, then the venue."""
        self.calls.append("set_leverage")
        outcome = await self.venue.set_leverage(symbol, margin_mode, position_side, leverage)
        if not self.lose_settings:
            return outcome
        self.lose_settings -= 1
        return Unknown(message="the answer was lost")

    async def find_order(self, order: Order) -> FindOutcome:
        """Follow the script, then the venue."""
        self.calls.append("find_order")
        if self.find_unanswered or self.is_silent:
            self.find_unanswered = max(0, self.find_unanswered - 1)
            return Unknown(message="the venue is silent")
        found = await self.venue.find_order(order)
        self.unheard.discard(order.order_id)
        return found

    def _is_unheard(self, report: ExecutionReport) -> bool:
        if self.is_deaf:
            return True
        match report:
            case ReportFill(fill=fill):
                return fill.order_id in self.unheard
            case ReportBorn():
                return report.parent_id in self.unheard
            case ReportAdjusted():
                return False
            case _:
                return report.order_id in self.unheard

    async def read_account(self) -> AccountReport | Unknown:
        """Follow the script, then the venue."""
        if self.read_unanswered or self.is_silent:
            self.read_unanswered = max(0, self.read_unanswered - 1)
            return Unknown(message="the venue is silent")
        report = await self.venue.read_account()
        if isinstance(report, Unknown) or self.describes_orders:
            return report
        return msgspec.structs.replace(report, open_orders=())
