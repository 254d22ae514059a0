"""Follows our open orders: asks what became of them each second, and at once when a socket tells of something."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Fill, Order
from fairlead.core.model.reports import ExecutionReport, ReportFill
from fairlead.ports import Clock, DeliverReports
from fairlead.venues.ccxt import wire
from fairlead.venues.ccxt.client import Exchange, Row
from fairlead.venues.ccxt.markets import MarketNames, read_amount
from fairlead.venues.ccxt.pausing import pause
from fairlead.venues.ccxt.traits import TradesCursor

POLL_MS: Final = 1_000
TRADE_PAGES_MAX: Final = 50
STREAM_PAUSE_FIRST_MS: Final = 1_000
STREAM_PAUSE_MAX_MS: Final = 60_000
OVERLAP_MS: Final = 5_000
"""Trades are asked for again from this long before the newest one: an exchange may list one late."""


@dataclass(slots=True)
class _Followed:
    order: Order
    fills: dict[str, Fill] = field(default_factory=dict)


class Follower:
    """Tells of fills and ends. A socket is a hint to ask at once; what is told was asked for."""

    def __init__(self, client: Exchange, names: MarketNames, clock: Clock, cursor: TradesCursor | None) -> None:
        """Follow nothing yet."""
        self._client = client
        self._cursor = cursor
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
        return wire.story(order, found, await self._trades_of(order, found, theirs))

    async def _look_at(self, theirs: str, ids: Sequence[str]) -> None:
        resting = {str(row["id"]): row for row in await self._client.fetch_open_orders(theirs)}
        gone = {one: await self._client.fetch_order(one, theirs, {}) for one in ids if one not in resting}
        newest = await self._newest_trades(theirs)
        for venue_order_id in ids:
            found = resting.get(venue_order_id) or gone[venue_order_id]
            trades = [trade for trade in newest if str(trade.get("order")) == venue_order_id]
            await self._tell(venue_order_id, found, trades)

    async def _newest_trades(self, theirs: str) -> Sequence[Row]:
        oldest_ms = min((one.order.created_ms for one in self._followed.values()), default=0)
        since_ms = max(self._cursors.get(theirs, 0), oldest_ms) - OVERLAP_MS
        trades = await self._client.fetch_my_trades(theirs, since_ms)
        self._cursors[theirs] = max((int(trade["timestamp"]) for trade in trades), default=since_ms + OVERLAP_MS)
        return trades

    async def _tell(self, venue_order_id: str, found: Row, newest: Sequence[Row]) -> None:
        """Tell what is new of an order: its newest trades if nothing is missing before them, else its whole story."""
        followed = self._followed[venue_order_id]
        order = followed.order
        fills = {fill.trade_id: fill for fill in (wire.fill_of(order, trade) for trade in newest)}
        known = followed.fills | fills
        is_whole = sum((fill.quantity for fill in known.values()), ZERO) >= read_amount(found.get("filled"))
        if is_whole and not wire.is_over(found):
            # An order that counts quote currency is done when its last fill says so, which is known at its end only.
            new = _in_order(fills, followed.fills)
            if new and not order.in_quote:
                self._deliver([ReportFill(fill=fill, is_last=False) for fill in new])
            followed.fills = known
            return
        reports = await self.read_story(order, found)
        if reports is None:
            return
        if wire.is_over(found):
            del self._followed[venue_order_id]
        followed.fills |= {report.fill.trade_id: report.fill for report in reports if isinstance(report, ReportFill)}
        # Who hears drops what it knows already.
        self._deliver(reports)

    async def _trades_of(self, order: Order, found: Row, theirs: str) -> Sequence[Row]:
        """All trades of an order, newest pages first, as far as the exchange lists them."""
        trades: dict[str, Row] = {}
        before: Row = {}
        filled = read_amount(found.get("filled"))
        for _ in range(TRADE_PAGES_MAX):
            if sum((read_amount(trade["amount"]) for trade in trades.values()), ZERO) >= filled:
                break
            page = {str(trade["id"]): trade for trade in await self._page(order, str(found["id"]), theirs, before)}
            if page.keys() <= trades.keys():
                break
            trades |= page
            before = self._before(page.values())
        return list(trades.values())

    async def _page(self, order: Order, venue_order_id: str, theirs: str, before: Row) -> Sequence[Row]:
        if self._client.has.get("fetchOrderTrades"):
            return await self._client.fetch_order_trades(venue_order_id, theirs, None, None, before)
        page = await self._client.fetch_my_trades(theirs, order.created_ms - OVERLAP_MS, None, before)
        return [trade for trade in page if str(trade.get("order")) == venue_order_id]

    def _before(self, page: Iterable[Row]) -> Row:
        """How to ask for what is older than a page."""
        if self._cursor is None:
            return {"until": min(int(trade["timestamp"]) for trade in page)}
        numbers = [str(trade["info"][self._cursor.field]) for trade in page]
        # Numbers as texts: of two, the shorter is the smaller one.
        return {self._cursor.parameter: min(numbers, key=lambda number: (len(number), number))}

    async def _look_for_ever(self) -> None:
        while True:
            self._hint.clear()
            try:
                await self.look()
            except Exception:
                # The library raises whatever it likes; the next look asks for the same again.
                await self._clock.sleep_ms(POLL_MS)
            await pause(self._clock, POLL_MS, self._hint)

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


def _in_order(fills: Mapping[str, Fill], known: Mapping[str, Fill]) -> Sequence[Fill]:
    """Those that are new, as they happened."""
    new = [fill for trade_id, fill in fills.items() if trade_id not in known]
    return sorted(new, key=wire.moment_of)


def open_ids(rows: Sequence[Mapping[str, object]], follower: Follower) -> tuple[str, ...]:
    """Our ids of what is open at the exchange."""
    return tuple(follower.order_id_of(dict(row)) for row in rows)
