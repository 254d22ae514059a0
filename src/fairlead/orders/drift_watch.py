"""Compares every account with its venue, again and again, and settles what its owner's policy settles."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.drift import DriftCause, DriftDecision, DriftWay
from fairlead.core.model.reports import ExecutionReport, Unknown, VenueOrder
from fairlead.core.rules.drift import DOUBTFUL, Sightings
from fairlead.orders.account_desk import AccountDesk
from fairlead.orders.drift_notes import compare, note
from fairlead.orders.drift_settling import DriftSettler
from fairlead.orders.floor import TradingFloor
from fairlead.orders.reports import in_venue_order

LOOK_EVERY_MS: Final = 10_000
"""Each account is looked at this often, one after the other."""
LOOK_PAUSE_MIN_MS: Final = 10
"""Between two accounts: a process with many looks at each less often, and never does nothing else."""
ORDERS_ASKED_MAX: Final = 50
POLICY: Final = "policy"


class DriftWatch:
    """Looks at one account after the other, for ever."""

    def __init__(
        self,
        *,
        floor: TradingFloor,
        settler: DriftSettler,
        adopts: Callable[[VenueAccount], Collection[DriftCause]],
    ) -> None:
        """Watch the desks of a floor; ``adopts`` tells what causes an account's owner wants adopted unasked."""
        self._floor = floor
        self._settler = settler
        self._tools = settler.tools
        self._adopts = adopts
        self._seen: dict[str, Sightings] = {}
        self._looking: set[str] = set()

    async def run(self) -> None:
        """Look for ever."""
        while True:
            desks = list(self._floor.desks)
            pause_ms = max(LOOK_EVERY_MS // max(len(desks), 1), LOOK_PAUSE_MIN_MS)
            for desk in desks:
                if not desk.halt_reason and desk.account.account_id not in self._looking:
                    self._tools.spawn(desk, self.look(desk))
                await self._tools.clock.sleep_ms(pause_ms)
            if not desks:
                await self._tools.clock.sleep_ms(pause_ms)

    async def look(self, desk: AccountDesk) -> None:
        """Compare one account with its venue now."""
        account_id = desk.account.account_id
        self._looking.add(account_id)
        try:
            await self._look(desk, self._seen.get(account_id, {}))
        finally:
            self._looking.discard(account_id)

    async def _look(self, desk: AccountDesk, before: Sightings) -> None:
        report = await desk.venue.read_account()
        if isinstance(report, Unknown):
            # Nothing is known, so nothing has changed; the venue's own watch says that it is silent.
            return
        look = compare(desk, self._tools, report, before)
        if look.is_news and await self._hear_missed(desk):
            report = await desk.venue.read_account()
            if isinstance(report, Unknown):
                return
            look = compare(desk, self._tools, report, before)
        self._seen[desk.account.account_id] = look.seen
        note(desk, self._tools, look)
        await self._follow_policy(desk)

    async def _hear_missed(self, desk: AccountDesk) -> bool:
        """Ask what became of our own orders: a report that was lost explains most differences."""
        orders = [order for order in desk.book.orders.values() if order.status not in DOUBTFUL]
        told: list[ExecutionReport] = []
        for order in orders[:ORDERS_ASKED_MAX]:
            answer = await desk.venue.find_order(order)
            if isinstance(answer, VenueOrder):
                told += answer.reports
        desk.on_reports(in_venue_order(told))
        return bool(told)

    async def _follow_policy(self, desk: AccountDesk) -> None:
        causes = self._adopts(desk.account)
        for drift in list(desk.book.drifts.values()):
            if drift.cause not in causes or drift.is_ignored:
                continue
            decision = DriftDecision(
                drift_id=drift.drift_id,
                tenant=desk.account.tenant,
                account_id=desk.account.account_id,
                way=DriftWay.ADOPT,
                decided_by=POLICY,
                reason=f"the owner adopts what is {drift.cause.value.replace('_', ' ')}",
                created_ms=self._tools.clock.now_ms(),
            )
            # What is refused stays, and is tried again at the next look.
            await self._settler.settle(desk, decision)
