"""Makes reports of what the private sockets push: repeats are dropped, and what is missing is asked for first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from fairlead.core.model.money import ZERO
from fairlead.core.model.reports import ExecutionReport, ReportFill
from fairlead.venues.okx import reports
from fairlead.venues.okx.rest import OkxRest
from fairlead.venues.okx.rows import AlgoRow, OrderRow, read_amount
from fairlead.venues.okx.socket_line import Frame
from fairlead.venues.okx.stories import StoryTeller
from fairlead.venues.okx.tracking import OrderTracker, Tracked

STORY_ASKS_MAX: Final = 8
STORY_PAUSE_MS: Final = 150
_EVENT: Final = "event_update"
_ORDERS: Final = msgspec.json.Decoder(tuple[OrderRow, ...])
_ALGOS: Final = msgspec.json.Decoder(tuple[AlgoRow, ...])

Deliver = Callable[[Sequence[ExecutionReport]], None]


class MissedPushError(Exception):
    """Something was not pushed, and REST did not tell it either: everything must be read again."""


class Follower:
    """One account's."""

    def __init__(self, rest: OkxRest, tracker: OrderTracker, stories: StoryTeller, deliver: Deliver) -> None:
        """Deliver to one listener, in the order of the pushes."""
        self.has_cash_moved = False
        """Whether cash has moved since somebody last looked at its movements."""
        self._rest = rest
        self._tracker = tracker
        self._stories = stories
        self._deliver = deliver

    async def take(self, frame: Frame) -> None:
        """Follow one push.

        Raises:
            MissedPushError: executions are missing that OKX does not list.
        """
        match frame.arg.channel if frame.arg is not None else "":
            case "orders":
                for order in _ORDERS.decode(frame.data):
                    await self._take_order(order)
            case "orders-algo" | "algo-advance":
                for algo in _ALGOS.decode(frame.data):
                    self.take_algo(algo)
            case "account" if frame.event_type == _EVENT:
                self.has_cash_moved = True
            case _:
                pass

    def take_algo(self, row: AlgoRow) -> None:
        """An algo order waits, or does so no longer; one that somebody placed without an id is not ours."""
        order_id = row.algo_cl_ord_id
        if not order_id:
            return
        if row.state == reports.LIVE:
            self._tracker.note_waiting(order_id)
            self._deliver([self._stories.open_algo(row)])
            return
        self._tracker.end_waiting(order_id)
        end = reports.algo_ended(row)
        if end is not None:
            self._deliver([end])

    def deliver_new(self, story: Iterable[ExecutionReport]) -> None:
        """Deliver reports of REST without the executions that were told before."""
        fresh = []
        for report in story:
            if isinstance(report, ReportFill):
                fill = report.fill
                if self._tracker.has_trade(fill.symbol, fill.trade_id):
                    continue
                self._tracker.note_trade(fill.symbol, fill.trade_id)
            fresh.append(report)
        if fresh:
            self._deliver(fresh)

    async def _take_order(self, row: OrderRow) -> None:
        order_id = reports.order_id_of(self._rest.account_id, row)
        for attached in row.attach_algo_ords:
            if attached.attach_algo_cl_ord_id:
                self._tracker.note_parent(attached.attach_algo_cl_ord_id, order_id)
        known = self._tracker.find(row.ord_id)
        if known is None:
            known = self._tracker.follow(row.ord_id, order_id, row.inst_id)
            self._deliver([reports.opened(order_id, row)])
        if self._has_gap(row, known):
            await self._tell_all(order_id, row)
        elif row.trade_id and not self._tracker.has_trade(row.inst_id, row.trade_id):
            self._tracker.note_trade(row.inst_id, row.trade_id)
            known.told = read_amount(row.acc_fill_sz)
            self._deliver([reports.pushed_fill(order_id, row)])
        end = reports.ended(order_id, row)
        if end is not None:
            self._deliver([end])
        known.is_over = known.is_over or row.state in reports.OVER

    def _has_gap(self, row: OrderRow, known: Tracked) -> bool:
        """Whether more has filled than was told; ``accFillSz`` counts on, whichever pushes were lost."""
        filled = read_amount(row.acc_fill_sz)
        if filled <= known.told:
            return False
        told_now = read_amount(row.fill_sz) if row.trade_id and row.fill_fee_ccy else ZERO
        return filled != known.told + told_now

    async def _tell_all(self, order_id: str, row: OrderRow) -> None:
        for _ in range(STORY_ASKS_MAX):
            story = await self._stories.tell(order_id, row)
            if isinstance(story, tuple):
                self.deliver_new(story[1:])
                return
            # OKX lists an execution a moment after it has pushed it.
            await self._rest.clock.sleep_ms(STORY_PAUSE_MS)
        raise MissedPushError(f"executions of order {row.ord_id} are missing")
