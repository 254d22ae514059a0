"""One paper house on a real journal, which can be stopped and opened again as a process would."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec

from fairlead.clock import VirtualClock
from fairlead.core.model.account import ExecutionMode, MarginMode, PositionMode, PositionSide, VenueAccount
from fairlead.core.model.ids import client_order_id
from fairlead.core.model.market import Quote
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.reports import ExecutionReport
from fairlead.core.model.request import OrderType, Side, TimeInForce
from fairlead.core.model.risk import RiskVerdict
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.store.journal import StoredJournal
from fairlead.venues.paper.house import PaperHouse
from fairlead.venues.paper.venue import PaperVenue
from tests.servers.clean import clean_sqlite

START_MS = 1_790_000_000_000


_ACCOUNT = VenueAccount(
    account_id="a1",
    tenant="t1",
    label="a1",
    exchange="okx",
    kind="paper",
    mode=ExecutionMode.PAPER,
    position_mode=PositionMode.NET,
    risk_profile="paper",
    opening_balances={"USDT": Decimal(10_000)},
)
_ORDER = Order(
    order_id="",
    request_id="",
    tenant="t1",
    account_id="a1",
    symbol="BTC-USDT-SWAP",
    side=Side.BUY,
    position_side=PositionSide.NET,
    margin_mode=MarginMode.CROSS,
    leverage=Decimal(3),
    order_type=OrderType.MARKET,
    time_in_force=TimeInForce.GTC,
    quantity=Decimal(1),
    deadline_ms=START_MS + 5_000,
    created_ms=START_MS,
    updated_ms=START_MS,
)


def paper_account(account_id: str = "a1", **changes: object) -> VenueAccount:
    return msgspec.structs.replace(_ACCOUNT, account_id=account_id, label=account_id, **changes)


def paper_order(number: int = 1, **changes: object) -> Order:
    order_id = client_order_id(cause_at_ms=START_MS, request=f"r{number}", leg=0)
    return msgspec.structs.replace(_ORDER, order_id=order_id, request_id=f"r{number}", **changes)


def approve(order: Order) -> ApprovedOrder:
    return ApprovedOrder(order, RiskVerdict(order_id=order.order_id, approved=True, profile="test", checks=()))


class PaperWorld:
    def __init__(self, url: str, clock: VirtualClock) -> None:
        self.url = url
        self.clock = clock
        self.quotes: dict[str, Quote] = {}
        self.reports: list[ExecutionReport] = []
        self.journal: StoredJournal
        self.house: PaperHouse

    @classmethod
    async def open(cls, folder: Path) -> PaperWorld:
        url = clean_sqlite(folder)
        world = cls(url, VirtualClock(START_MS))
        await world.start()
        return world

    async def start(self) -> None:
        self.journal = await StoredJournal.open(self.url, on_death=_fail)
        exchange = Exchange(instruments=DEFAULT_INSTRUMENTS, seed=7, now_ms=self.clock.now_ms())
        self.house = PaperHouse(
            exchange=exchange,
            journal=self.journal,
            clock=self.clock,
            on_quote=lambda quote: self.quotes.update({quote.symbol: quote}),
        )
        await self.house.load()
        self.house.tick()

    async def stop(self) -> None:
        await self.journal.close()

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def venue(self, account: VenueAccount | None = None) -> PaperVenue:
        venue = PaperVenue(account or paper_account(), self.house)
        venue.listen(self.reports.extend)
        return venue


def _fail(error: BaseException) -> None:
    raise AssertionError("the writer died") from error
