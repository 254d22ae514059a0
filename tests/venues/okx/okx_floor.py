"""An OKX of our own on a port, and accounts of Fairlead that trade there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from decimal import Decimal
from typing import Any

import msgspec

from fairlead.clock import SystemClock
from fairlead.core.model.account import ExecutionMode, MarginMode, PositionMode, PositionSide, VenueAccount
from fairlead.core.model.ids import client_order_id
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.reports import ExecutionReport, ReportFill
from fairlead.core.model.request import OrderType, Side, TimeInForce
from fairlead.core.model.risk import RiskVerdict
from fairlead.core.model.secret import Secret
from fairlead.simulator.okx.keys import parse_member
from fairlead.simulator.okx.opening import OkxPlan, OpenOkx
from fairlead.simulator.okx.venue import OkxOptions
from fairlead.venues.okx.connection import OkxConnection
from fairlead.venues.okx.governor import RateGovernor
from fairlead.venues.okx.market_feed import OkxMarketFeed
from fairlead.venues.okx.opening import open_okx
from fairlead.venues.okx.signing import OkxKeys
from fairlead.venues.okx.sites import OkxSite
from fairlead.venues.okx.venue import OkxVenue

SWAP = "BTC-USDT-SWAP"
SPOT = "BTC-USDT"
PATIENCE_S = 15
OPTIONS = OkxOptions(seed=7)

_ACCOUNT = VenueAccount(
    account_id="a1",
    tenant="t1",
    label="a1",
    exchange="okx",
    kind="okx",
    mode=ExecutionMode.DEMO,
    position_mode=PositionMode.NET,
    risk_profile="paper",
)


def approve(order: Order) -> ApprovedOrder:
    return ApprovedOrder(order, RiskVerdict(order_id=order.order_id, approved=True, profile="test", checks=()))


class Trader:
    """One account of Fairlead at that exchange, and everything it was told."""

    def __init__(self, floor: OkxFloor, account: VenueAccount, keys: OkxKeys) -> None:
        self.floor = floor
        self.account = account
        self.reports: list[ExecutionReport] = []
        self.venue: OkxVenue = open_okx(account, floor.connection, lambda: keys, floor.clock, floor.governor)
        self.venue.listen(self.reports.extend)
        self._running: asyncio.Task[None] | None = None

    async def listen(self) -> None:
        """Start, and wait until the sockets are up."""
        await self.venue.start()
        self._running = asyncio.create_task(self.venue.run())
        await until(lambda: self.venue.is_listening)

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running

    def order(self, number: int = 1, **changes: object) -> Order:
        now_ms = self.floor.clock.now_ms()
        order = Order(
            order_id=client_order_id(cause_at_ms=1_767_600_000_000, request=f"r{number}", leg=0),
            request_id=f"r{number}",
            tenant="t1",
            account_id=self.account.account_id,
            symbol=SWAP,
            side=Side.BUY,
            position_side=PositionSide.NET,
            margin_mode=MarginMode.CROSS,
            leverage=Decimal(3),
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.GTC,
            quantity=Decimal(1),
            deadline_ms=now_ms + 5_000,
            created_ms=now_ms,
            updated_ms=now_ms,
        )
        return msgspec.structs.replace(order, **changes)

    def resting(self, number: int = 1, **changes: object) -> Order:
        """A limit order far below the market."""
        price = self.floor.price(SWAP) * Decimal("0.97")
        changes = {"order_type": OrderType.LIMIT, "limit_price": price - price % 1, **changes}
        return self.order(number, **changes)

    def told(self, kind: type[Any], order: Order | None = None) -> list[Any]:
        """Reports of one kind, of one order."""
        return [
            report
            for report in self.reports
            if isinstance(report, kind) and (order is None or _order_id(report) == order.order_id)
        ]

    def filled(self, order: Order) -> Decimal:
        """What was told to be filled of an order, each execution once."""
        fills = {report.fill.trade_id: report.fill.quantity for report in self.told(ReportFill, order)}
        return sum(fills.values(), Decimal(0))


class OkxFloor:
    """The exchange, its address, and what accounts share."""

    def __init__(self, members: Sequence[str], options: OkxOptions, clock: SystemClock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.members = [parse_member(member) for member in members]
        self.okx = OpenOkx(OkxPlan(members=self.members, options=options), self.clock)
        self.governor = RateGovernor(self.clock)
        self.connection: OkxConnection
        self.port = 0
        self.traders: list[Trader] = []

    async def start(self) -> None:
        self.port = await self.okx.server.start("127.0.0.1", 0)
        site = OkxSite(rest_url=f"http://127.0.0.1:{self.port}", socket_url=f"ws://127.0.0.1:{self.port}/ws/v5")
        self.connection = OkxConnection(site, self.clock)
        await self.connection.open()

    async def stop(self) -> None:
        for trader in self.traders:
            await trader.stop()
        await self.connection.close()
        await self.okx.server.stop()

    async def learn_codes(self) -> None:
        """Know the numbers of instruments, so that orders go over the socket."""
        feed = OkxMarketFeed(
            self.connection,
            self.governor,
            self.clock,
            symbols=(),
            on_instruments=lambda _: None,
            on_quote=lambda _: None,
        )
        assert await feed.load() is None

    def trader(self, number: int = 0, **changes: object) -> Trader:
        key = self.members[number].key
        keys = OkxKeys(api_key=Secret(key.key), api_secret=Secret(key.secret), passphrase=Secret(key.passphrase))
        account = msgspec.structs.replace(_ACCOUNT, account_id=f"a{number + 1}", **changes)
        trader = Trader(self, account, keys)
        self.traders.append(trader)
        return trader

    def price(self, symbol: str) -> Decimal:
        return self.okx.exchange.markets.quote(symbol).last

    def move(self, symbol: str, price: Decimal) -> None:
        self.okx.exchange.feed_price(symbol, price, now_ms=self.clock.now_ms())
        self.okx.venue.settle()


@asynccontextmanager
async def open_floor(
    *members: str, options: OkxOptions = OPTIONS, clock: SystemClock | None = None
) -> AsyncIterator[OkxFloor]:
    floor = OkxFloor(members or ("k1:s1:p1:USDT=100000,BTC=2",), options, clock)
    await floor.start()
    try:
        yield floor
    finally:
        await floor.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that will come soon."""
    for _ in range(PATIENCE_S * 100):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come in time")


def _order_id(report: ExecutionReport) -> str:
    return report.fill.order_id if isinstance(report, ReportFill) else getattr(report, "order_id", "")
