"""Reads over REST what happened while nobody listened: executions, ends of orders, algo orders, movements of cash."""

from __future__ import annotations

from typing import Final

from fairlead.core.model import reports as rp
from fairlead.venues.okx import reports
from fairlead.venues.okx.account_reading import list_open, list_waiting
from fairlead.venues.okx.follower import Follower
from fairlead.venues.okx.outcomes import Answered, Failure, Lost
from fairlead.venues.okx.rest import OkxRest
from fairlead.venues.okx.rows import BillRow, FillRow, OrderRow, read_amount
from fairlead.venues.okx.stories import StoryTeller
from fairlead.venues.okx.tracking import OrderTracker

PAGE: Final = 100
PAGES_MAX: Final = 100
OVERLAP_MS: Final = 60_000
"""How far before the last thing heard executions are read again; repeats are dropped."""


class CatchUp:
    """One account's; nothing is lost between two lives of a socket."""

    def __init__(self, rest: OkxRest, tracker: OrderTracker, stories: StoryTeller, follower: Follower) -> None:
        """Begin now: what was before is asked for when the account's desk opens."""
        self.heard_ms = rest.clock.now_ms()
        """When something was last heard, by our clock."""
        self._rest = rest
        self._tracker = tracker
        self._stories = stories
        self._follower = follower
        self._bill_id: str | None = None

    async def begin_bills(self) -> Failure | None:
        """Note the newest movement of cash; only later ones are reported."""
        if self._bill_id is not None:
            return None
        reply = await self._rest.get("account/bills", BillRow, query={"limit": "1"})
        if not isinstance(reply, Answered):
            return reply
        self._bill_id = reply.rows[0].bill_id if reply.rows else ""
        return None

    async def read_all(self) -> Failure | None:
        """Tell everything that was missed, each order's story by itself; None when all of it was read."""
        begun_ms = self._rest.clock.now_ms()
        pending = await list_open(self._rest)
        if not isinstance(pending, list):
            return pending
        waiting = await list_waiting(self._rest)
        if not isinstance(waiting, list):
            return waiting
        fills = await self._list_fills()
        if not isinstance(fills, list):
            return fills
        failure = await self._tell_orders(pending, fills)
        if failure is not None:
            return failure
        gone = set(self._tracker.waiting()) - {row.algo_cl_ord_id for row in waiting}
        for row in waiting:
            self._follower.take_algo(row)
        failure = await self._tell_gone(gone) or await self.read_bills()
        if failure is None:
            self.heard_ms = begun_ms
        return failure

    async def read_bills(self) -> Failure | None:
        """Tell the movements of cash since the last one that was told, oldest first."""
        for _ in range(PAGES_MAX):
            reply = await self._rest.get("account/bills", BillRow, query={"before": self._bill_id or "0"})
            if not isinstance(reply, Answered):
                return reply
            rows = sorted(reply.rows, key=lambda row: int(row.bill_id))
            self._follower.deliver_new(adjusted for row in rows if (adjusted := reports.adjusted(row)) is not None)
            if rows:
                self._bill_id = rows[-1].bill_id
            if len(rows) < PAGE:
                return None
        return Lost("OKX lists more movements of cash than are read")

    async def _tell_orders(self, pending: list[OrderRow], fills: list[FillRow]) -> Failure | None:
        """Orders that have filled or ended unheard; those that only rest are told as accepted."""
        unheard = {
            fill.ord_id: fill.inst_id for fill in fills if not self._tracker.has_trade(fill.inst_id, fill.trade_id)
        }
        known = self._tracker.open_orders()
        resting = {row.ord_id for row in pending}
        unheard |= {number: tracked.symbol for number, tracked in known.items() if number not in resting}
        told: list[rp.ExecutionReport] = []
        for row in pending:
            order_id = reports.order_id_of(self._rest.account_id, row)
            tracked = known.get(row.ord_id)
            if tracked is None or read_amount(row.acc_fill_sz) != tracked.told:
                story = await self._stories.tell(order_id, row)
                if not isinstance(story, tuple):
                    return story
                told += story
                unheard.pop(row.ord_id, None)
        for number, symbol in unheard.items():
            found = await self._stories.tell_number(symbol, number)
            if found is None:
                # OKX has forgotten it: it ended without a fill, hours ago.
                self._tracker.follow(number, number, symbol).is_over = True
            elif isinstance(found, tuple):
                told += found
            else:
                return found
        # Profit depends on the order of executions over all orders.
        self._follower.deliver_new(sorted(told, key=_moment))
        return None

    async def _tell_gone(self, gone: set[str]) -> Failure | None:
        """Algo orders that have fired or ended unheard."""
        for order_id in gone:
            story = await self._stories.tell_algo(order_id)
            if story is not None and not isinstance(story, tuple):
                return story
            self._follower.deliver_new(story or ())
            self._tracker.end_waiting(order_id)
        return None

    async def _list_fills(self) -> list[FillRow] | Failure:
        begin = self.heard_ms + self._rest.connection.clock_offset_ms - OVERLAP_MS
        fills: list[FillRow] = []
        for _ in range(PAGES_MAX):
            after = {"after": fills[-1].bill_id} if fills else {}
            reply = await self._rest.get("trade/fills", FillRow, query={"begin": str(begin), **after})
            if not isinstance(reply, Answered):
                return reply
            fills += reply.rows
            if len(reply.rows) < PAGE:
                return fills
        return Lost("OKX lists more executions than are read")


def _moment(report: rp.ExecutionReport) -> tuple[int, int, int]:
    match report:
        case rp.ReportFill(fill=fill):
            # OKX's trade numbers rise within an instrument.
            return fill.at_ms, 1, int(fill.trade_id) if fill.trade_id.isdecimal() else 0
        case rp.ReportCanceled() | rp.ReportRejected():
            return report.at_ms, 2, 0
        case _:
            return report.at_ms, 0, 0
