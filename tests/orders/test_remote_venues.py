"""Accounts whose venue is somewhere else: opened when it answers, and priced when somebody asks."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.market import Quote
from fairlead.core.model.state import RequestStatus
from fairlead.market.hub import MarketHub
from fairlead.observing.figures import LimitFigures
from fairlead.orders.recover import VenueUnreachableError
from fairlead.ports import Clock, Venue
from fairlead.venues.paper.venue import PaperVenue
from fairlead.wiring.venue_kinds import KindTools, VenueKind
from tests.orders.trading_world import LINEAR, SPOT, TradingWorld, account, buy

QUOTE_MS = 400
PATIENCE_MS = 2_500


@dataclass
class FarKind:
    """The paper venue as if it were far away: it may be down, and tells prices of what is asked for, later."""

    world: TradingWorld
    is_down: bool = False
    is_mute: bool = False
    hub: MarketHub = field(default_factory=MarketHub)
    asked: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def open(self, tools: KindTools) -> VenueKind:
        self.opened.append("far")
        return self

    @property
    def hubs(self) -> Iterable[MarketHub]:
        return (self.hub,)

    async def reload(self) -> None:
        pass

    async def prepare(self, account: VenueAccount) -> None:
        if self.is_down:
            raise VenueUnreachableError(f"account {account.label}: nobody answers")
        self.hub.on_instruments(self.world.trading.hub.instruments.values())

    def market_of(self, account: VenueAccount) -> MarketHub:
        return self.hub

    def history_of(self, account: VenueAccount) -> None:
        return None

    def limits(self) -> Sequence[LimitFigures]:
        return ()

    def open_venue(self, account: VenueAccount) -> Venue:
        return PaperVenue(account, self.world.trading._house)  # noqa: SLF001  # the venue behind the network

    def want_quotes(self, account: VenueAccount, symbols: Sequence[str]) -> Awaitable[None] | None:
        missing = [symbol for symbol in symbols if symbol not in self.hub.quotes]
        self.asked += missing
        return self._tell(missing, self.world.clock) if missing else None

    async def _tell(self, symbols: Sequence[str], clock: Clock) -> None:
        await clock.sleep_ms(PATIENCE_MS if self.is_mute else QUOTE_MS)
        for symbol in [] if self.is_mute else symbols:
            self.hub.on_quote(self._quote(symbol))

    def _quote(self, symbol: str) -> Quote:
        return self.world.trading.hub.quotes[symbol]

    async def close(self) -> None:
        pass


async def go_far(world: TradingWorld, *, is_down: bool = False, is_mute: bool = False) -> FarKind:
    """Start again with one account far away beside the one here."""
    await world.stop()
    far = FarKind(world, is_down=is_down, is_mute=is_mute)
    world.kinds = {"far": far.open}
    await world.start(account("a1"), account("a2", kind="far"))
    await world.run_ms(1)
    return far


async def test_the_first_request_waits_for_prices_and_is_then_served(world: TradingWorld) -> None:
    far = await go_far(world)
    request = world.request("a2", intent=buy(2))
    await world.submit(request)
    await world.run_ms(QUOTE_MS - 50)
    assert (await world.state(request)).status is RequestStatus.QUEUED
    await world.run_ms(200)
    assert (await world.state(request)).status is RequestStatus.FILLED
    assert set(far.asked) == {LINEAR, SPOT}
    assert (await world.want("a2", intent=buy(1))).status is RequestStatus.FILLED
    assert world.held(LINEAR, "a2") == 3


async def test_a_price_that_never_comes_is_a_refusal_with_a_reason(world: TradingWorld) -> None:
    await go_far(world, is_mute=True)
    (state,) = await world.ask(world.request("a2"), within_ms=PATIENCE_MS + 100)
    assert state.status is RequestStatus.DENIED
    assert state.reason_code == "quote_missing"
    assert world.venue_orders("a2") == []


async def test_an_account_whose_venue_is_down_holds_up_nobody_and_opens_later(world: TradingWorld) -> None:
    far = await go_far(world, is_down=True)
    assert world.trading.floor.find("a2") is None
    early = world.request("a2", intent=buy(1))
    await world.submit(early)
    assert (await world.want("a1")).status is RequestStatus.FILLED
    far.is_down = False
    await world.run_ms(15_000)
    assert (await world.state(early)).status is RequestStatus.FILLED
    assert world.agrees("a2")


async def test_nothing_far_away_is_opened_for_a_disabled_account(world: TradingWorld) -> None:
    await world.stop()
    far = FarKind(world)
    world.kinds = {"far": far.open}
    await world.start(account("a1"), account("a2", kind="far", enabled=False))
    assert far.opened == []
    await world.configure(account("a1"), account("a2", kind="far"))
    await world.run_ms(10)
    assert far.opened == ["far"]
    assert world.trading.floor.find("a2") is not None
