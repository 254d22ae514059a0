"""Follows our open orders: asks what became of them each second, and at once when a socket tells of something."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.reports import ExecutionReport, ReportFill
from fairlead.ports import Clock, DeliverReports
from fairlead.venues.ccxt import wire
from fairlead.venues.ccxt.client import Exchange, Row
from fairlead.venues.ccxt.markets import MarketNames, read_amount

POLL_MS: Final = 1_000
STREAM_PAUSE_FIRST_MS: Final = 1_000
STREAM_PAUSE_MAX_MS: Final = 60_000
OVERLAP_MS: Final = 5_000
"""Trades are asked for again from this long before the newest one: an exchange may list one late."""


@dataclass(slots=True)
class _Followed:
    order: Order
    filled: dict[str, ExecutionReport] = field(default_factory=dict)


class Follower:
    """Tells of fills and ends. A socket is a hint to ask at once; what is told was asked for."""

    def __init__(self, client: Exchange, names: MarketNames, clock: Clock) -> None:
        """Follow nothing yet."""
        self._client = client
        self._names = names
        self._clock = clock
        self._deliver: DeliverReports = _ignore
        self._followed: dict[str, _Followed] = {}
        self._cursors: dict[str, int] = {}
        self._hint = asyncio.Event()

    def listen(self, deliver: DeliverReports) -> None:
        """Deliver here from now on."""
        self._deliver = deliver

    def follow(self, order: Order, venue_order_id: str) -> None:
        """Follow an order that the exchange has, until nothing more can happen to it."""
        self._followed.setdefault(venue_order_id, _Followed(order))
        self.ask_soon()

    def ask_soon(self) -> None:
        """Something may have happened: do not wait for the next look."""
        self._hint.set()

    def order_id_of(self, row: Row) -> str:
        """Our id of an order at the exchange; the exchange's own where it is none of ours."""
        followed = self._followed.get(str(row["id"]))
        return followed.order.order_id if followed is not None else str(row.get("clientOrderId") or row["id"])

    async def run(self) -> None:
        """Look for ever; errors of the exchange only make a look come to nothing."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_for_ever())
            if self._client.has.get("watchOrders"):
                group.create_task(self._hear_for_ever())

    async def look(self) -> None:
        """Ask once about every symbol in which we have open orders, and tell what is new."""
        by_symbol: dict[str, list[str]] = {}
        for venue_order_id, followed in self._followed.items():
            by_symbol.setdefault(followed.order.symbol, []).append(venue_order_id)
        for symbol, ids in by_symbol.items():
            theirs = self._names.theirs(symbol)
            if theirs is not None:
                await self._look_at(theirs, ids)

    async def read_story(self, order: Order, found: Row) -> tuple[ExecutionReport, ...] | None:
        """Everything about one order; None while the exchange does not list all its trades."""
        theirs = str(found.get("symbol") or self._names.theirs(order.symbol))
        trades = await self._trades_of(order, str(found["id"]), theirs) if read_amount(found.get("filled")) else []
        return wire.story(order, found, trades)

    async def _look_at(self, theirs: str, ids: Sequence[str]) -> None:
        resting = {str(row["id"]): row for row in await self._client.fetch_open_orders(theirs)}
        gone = {one: await self._client.fetch_order(one, theirs, {}) for one in ids if one not in resting}
        await self._read_trades(theirs)
        for venue_order_id in ids:
            found = resting.get(venue_order_id) or gone[venue_order_id]
            await self._settle(venue_order_id, found)

    async def _read_trades(self, theirs: str) -> None:
        """Take the newest trades of a symbol; whatever is missed here is found by the order's own count."""
        oldest_ms = min((one.order.created_ms for one in self._followed.values()), default=0)
        since_ms = max(self._cursors.get(theirs, 0), oldest_ms) - OVERLAP_MS
        for trade in await self._client.fetch_my_trades(theirs, since_ms):
            self._cursors[theirs] = max(self._cursors.get(theirs, 0), int(trade["timestamp"]))
            followed = self._followed.get(str(trade.get("order")))
            if followed is not None:
                self._tell_fill(followed, trade)

    def _tell_fill(self, followed: _Followed, trade: Row) -> None:
        # An order that counts quote currency is done when the exchange says so, which its last fill must say.
        if str(trade["id"]) in followed.filled or followed.order.in_quote:
            return
        report = ReportFill(fill=wire.fill_of(followed.order, trade), is_last=False)
        followed.filled[str(trade["id"])] = report
        self._deliver([report])

    async def _settle(self, venue_order_id: str, found: Row) -> None:
        """Tell the end of an order, and what was missed of it."""
        followed = self._followed[venue_order_id]
        told = sum((one.fill.quantity for one in followed.filled.values() if isinstance(one, ReportFill)), ZERO)
        if not wire.is_over(found) and told >= read_amount(found.get("filled")):
            return
        reports = await self.read_story(followed.order, found)
        if reports is None:
            return
        if wire.is_over(found):
            del self._followed[venue_order_id]
        # Who hears drops what it knows already.
        self._deliver(reports)

    async def _trades_of(self, order: Order, venue_order_id: str, theirs: str) -> Sequence[Row]:
        if self._client.has.get("fetchOrderTrades"):
            return await self._client.fetch_order_trades(venue_order_id, theirs)
        trades = await self._client.fetch_my_trades(theirs, order.created_ms - OVERLAP_MS)
        return [trade for trade in trades if str(trade.get("order")) == venue_order_id]

    async def _look_for_ever(self) -> None:
        while True:
            self._hint.clear()
            try:
                await self.look()
            except Exception:
                # The library raises whatever it likes; the next look asks for the same again.
                await self._clock.sleep_ms(POLL_MS)
            await self._pause()

    async def _pause(self) -> None:
        waits = {asyncio.ensure_future(self._clock.sleep_ms(POLL_MS)), asyncio.ensure_future(self._hint.wait())}
        _, late = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in late:
            wait.cancel()

    async def _hear_for_ever(self) -> None:
        pause_ms = STREAM_PAUSE_FIRST_MS
        while True:
            try:
                await self._client.watch_orders()
            except Exception:
                # Without its socket an order is still asked about each second.
                await self._clock.sleep_ms(pause_ms)
                pause_ms = min(2 * pause_ms, STREAM_PAUSE_MAX_MS)
            else:
                pause_ms = STREAM_PAUSE_FIRST_MS
                self.ask_soon()


def _ignore(_reports: Sequence[ExecutionReport]) -> None:
    """Nobody listens yet."""


def open_ids(rows: Sequence[Mapping[str, object]], follower: Follower) -> tuple[str, ...]:
    """Our ids of what is open at the exchange."""
    return tuple(follower.order_id_of(dict(row)) for row in rows)
