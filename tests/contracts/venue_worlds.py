"""A venue and the exchange behind it, for each implementation of the Venue port."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from fairlead.clock import SystemClock
from fairlead.core.model import events as ev
from fairlead.core.model.account import PositionMode, VenueAccount
from fairlead.core.model.ids import client_order_id
from fairlead.core.model.order import Order
from fairlead.core.model.reports import ExecutionReport, Unknown
from fairlead.core.model.secret import Secret
from fairlead.core.rules import order_state
from fairlead.orders.reports import events_of_reports
from fairlead.ports import Venue
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.okx.faults.rules import FaultKind, FaultRule, Match, Params
from fairlead.simulator.okx.keys import parse_member
from fairlead.simulator.okx.opening import OkxPlan, OpenOkx
from fairlead.simulator.okx.venue import OkxOptions
from fairlead.venues.ccxt.client import CcxtConnection, CcxtKeys, open_client
from fairlead.venues.ccxt.traits import traits_of
from fairlead.venues.ccxt.venue import CcxtVenue
from fairlead.venues.okx.connection import OkxConnection
from fairlead.venues.okx.governor import RateGovernor
from fairlead.venues.okx.opening import open_okx
from fairlead.venues.okx.signing import OkxKeys
from fairlead.venues.okx.sites import OkxSite
from tests.venues.paper_world import PaperWorld, paper_account, paper_order

INSTRUMENTS: Final = {instrument.symbol: instrument for instrument in DEFAULT_INSTRUMENTS}
WAIT_S: Final = 15
DEADLINE_MS: Final = 5_000
ANSWER_MS: Final = 1_000


class VenueWorld(ABC):
    """One account at one exchange."""

    venue: Venue
    exchange: Exchange
    account: VenueAccount

    def __init__(self) -> None:
        self.reports: list[ExecutionReport] = []
        self._news = asyncio.Event()

    def hear(self, reports: Sequence[ExecutionReport]) -> None:
        """Take what the venue reports."""
        self.reports.extend(reports)
        self._news.set()

    @abstractmethod
    def now_ms(self) -> int:
        """Time of the exchange."""

    @abstractmethod
    async def restart(self) -> None:
        """Go on with a new venue that remembers nothing."""

    @abstractmethod
    async def close(self) -> None:
        """End everything."""

    def order(self, number: int = 1, **changes: object) -> Order:
        """Make a market buy of one contract, or what the changes make of it."""
        now_ms = self.now_ms()
        given = {
            "order_id": client_order_id(cause_at_ms=now_ms, request=f"r{number}", leg=0),
            "account_id": self.account.account_id,
            "deadline_ms": now_ms + DEADLINE_MS,
            "created_ms": now_ms,
            "updated_ms": now_ms,
        }
        return replace(paper_order(number), **{**given, **changes})

    def price(self, symbol: str, share: str) -> Decimal:
        """Return a price on a tick, at this share of the market's."""
        instrument = INSTRUMENTS[symbol]
        return instrument.round_price_down(self.exchange.markets.quote(symbol).mid * Decimal(share))

    def state_of(self, order: Order, reports: list[ExecutionReport] | None = None) -> Order:
        """What the reports make of an order, as the account's book would see it."""
        for event in events_of_reports(order.account_id, self.reports if reports is None else reports):
            told = event.fill.order_id if isinstance(event, ev.OrderFilled) else getattr(event, "order_id", "")
            if told == order.order_id and isinstance(event, order_state.OrderEvent):
                order = order_state.apply(order, event, INSTRUMENTS[order.symbol])
        return order

    async def end_of(self, order: Order) -> Order:
        """Wait until the venue has reported the end of an order; what it came to."""
        async with asyncio.timeout(WAIT_S):
            while not (state := self.state_of(order)).is_terminal:
                self._news.clear()
                await self._news.wait()
        return state


class PaperVenueWorld(VenueWorld):
    """The paper venue on a real journal."""

    def __init__(self, world: PaperWorld, account: VenueAccount) -> None:
        super().__init__()
        self._world = world
        self.account = account
        self._open()

    @classmethod
    async def open(cls, folder: Path, mode: PositionMode) -> PaperVenueWorld:
        account = paper_account(position_mode=mode, opening_balances={"USDT": Decimal(100_000), "BTC": Decimal(2)})
        return cls(await PaperWorld.open(folder), account)

    def _open(self) -> None:
        self.venue = self._world.venue(self.account)
        self.venue.listen(self.hear)
        self.exchange = self._world.house.exchange

    def now_ms(self) -> int:
        return self._world.clock.now_ms()

    async def restart(self) -> None:
        await self._world.restart()
        self._open()

    async def close(self) -> None:
        await self._world.stop()


class OkxWorld(VenueWorld):
    """An exchange that speaks OKX, served in this loop; who connects to it is up to the subclass."""

    place_endpoint: str
    cancel_endpoint: str

    def __init__(self, mode: PositionMode) -> None:
        super().__init__()
        self.account = replace(paper_account("k1"), kind="live", position_mode=mode)
        self.clock = SystemClock()
        self._running: asyncio.Task[None] | None = None
        members = (parse_member("k1:s1:p1:USDT=100000,BTC=2"),)
        self.okx = OpenOkx(OkxPlan(members=members, options=OkxOptions(seed=7)), self.clock)
        self.exchange = self.okx.exchange

    async def start(self) -> None:
        """Listen, and connect."""
        self.port = await self.okx.server.start("127.0.0.1", 0)
        if self.account.position_mode is PositionMode.LONG_SHORT:
            self.exchange.set_position_mode("k1", PositionMode.LONG_SHORT)
        await self.connect()

    @abstractmethod
    async def connect(self) -> None:
        """Open a venue."""

    @abstractmethod
    async def disconnect(self) -> None:
        """Close it."""

    def now_ms(self) -> int:
        return self.clock.now_ms()

    async def _stop_running(self) -> None:
        assert self._running is not None
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    def strike(self, kind: str, endpoint: str, **params: Any) -> None:  # noqa: ANN401  # as each kind takes them
        """Let the next request to an endpoint go wrong."""
        match = Match(endpoint=endpoint)
        rule = FaultRule(id=kind, kind=FaultKind(kind), match=match, count=1, params=Params(**params))
        self.okx.faults.add(rule)

    async def restart(self) -> None:
        await self.disconnect()
        await self.connect()

    async def close(self) -> None:
        await self.disconnect()
        await self.okx.server.stop()


class NativeWorld(OkxWorld):
    """The OKX venue, with orders over REST: it knows no instrument's number yet."""

    place_endpoint = "trade/order"
    cancel_endpoint = "trade/cancel-order"

    async def connect(self) -> None:
        host = f"127.0.0.1:{self.port}"
        site = OkxSite(rest_url=f"http://{host}", socket_url=f"ws://{host}/ws/v5")
        keys = OkxKeys(api_key=Secret("k1"), api_secret=Secret("s1"), passphrase=Secret("p1"))
        self.connection = OkxConnection(site, self.clock, answer_timeout_s=ANSWER_MS / 1_000)
        await self.connection.open()
        native = open_okx(self.account, self.connection, lambda: keys, self.clock, RateGovernor(self.clock))
        self.venue = native
        native.listen(self.hear)
        assert not isinstance(await native.start(), Unknown)
        self._running = asyncio.create_task(native.run())
        async with asyncio.timeout(WAIT_S):
            # Its own signal that it hears everything is a property, not an event.
            while not native.is_listening:
                await self.clock.sleep_ms(10)

    async def disconnect(self) -> None:
        await self._stop_running()
        await self.connection.close()


class SocketWorld(NativeWorld):
    """The same with orders over its socket, as soon as it knows the numbers of instruments."""

    place_endpoint = "order"
    cancel_endpoint = "cancel-order"

    async def connect(self) -> None:
        await super().connect()
        code_of = self.okx.venue.catalogue.code_of
        self.connection.codes.update({symbol: code_of(symbol) for symbol in INSTRUMENTS})


class CcxtWorld(OkxWorld):
    """The ccxt venue, as ccxt.okx."""

    place_endpoint = "trade/batch-orders"
    cancel_endpoint = "trade/cancel-order"

    async def connect(self) -> None:
        host = f"127.0.0.1:{self.port}"
        connection = CcxtConnection(exchange="okx", urls={"rest": f"http://{host}", "ws": f"ws://{host}/ws/v5"})
        fields = {"apiKey": Secret("k1"), "secret": Secret("s1"), "password": Secret("p1")}
        # More of it is used here than our own protocol names.
        client: Any = open_client(connection, lambda: CcxtKeys(fields=fields))
        self.client = client
        self.client.timeout = ANSWER_MS
        # Our own exchange has time for everybody.
        self.client.enableRateLimit = False
        self.ccxt_venue = CcxtVenue(self.account, self.client, traits_of("okx"), self.clock)
        self.venue = self.ccxt_venue
        self.venue.listen(self.hear)
        self._running = asyncio.create_task(self.ccxt_venue.run())

    async def disconnect(self) -> None:
        await self._stop_running()
        await self.ccxt_venue.close()

    def hold_back(self) -> None:
        """Let the library's own rate limit hold every request back."""
        self.client.enableRateLimit = True
        self.client.throttler.config["tokens"] = -1_000_000

    def let_go(self) -> None:
        """End that."""
        self.client.throttler.config["tokens"] = 1
        self.client.enableRateLimit = False


async def open_world(kind: str, folder: Path, mode: PositionMode = PositionMode.NET) -> VenueWorld:
    """Open the world of an implementation by its name."""
    if kind == "paper":
        return await PaperVenueWorld.open(folder, mode)
    world = NETWORKED[kind](mode)
    await world.start()
    return world


NETWORKED: Final[dict[str, Callable[[PositionMode], OkxWorld]]] = {
    "ccxt": CcxtWorld,
    "okx": NativeWorld,
    "okx-socket": SocketWorld,
}
IMPLEMENTATIONS: Final = ("paper", *NETWORKED)
