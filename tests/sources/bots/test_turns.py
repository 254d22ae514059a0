"""The runner by itself: whose turn it is, and what of it is written down."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from decimal import Decimal

import pytest
from msgspec.structs import replace

from fairlead.clock import VirtualClock
from fairlead.core.model.account import ExecutionMode, PositionMode, VenueAccount
from fairlead.core.model.bots.bot import BotState, Settings, Wish
from fairlead.core.model.bots.decision import Urgency
from fairlead.core.model.bots.events import BotConfigured, BotDecided
from fairlead.core.model.bots.martingale import MartingaleSettings, StopFrom, StopLoss
from fairlead.core.model.market import Quote
from fairlead.core.model.request import Enter, OrderRequest
from fairlead.core.model.state import RequestState, RequestStatus, State
from fairlead.market.hub import MarketHub
from fairlead.ports import AppendOutcome, Committed, Fact, Record
from fairlead.sources.bots.runner import BotRunner
from fairlead.sources.bots.seams import BotTools, StoredOrders
from fairlead.store.queries.bots import Bot
from fairlead.worker import TaskSupervisor
from tests.core.bots.toy_exchange import SPOT

NOW_MS = 1_790_000_000_000
ACCOUNT = VenueAccount(
    account_id="a1",
    tenant="t1",
    label="a1",
    exchange="okx",
    kind="paper",
    mode=ExecutionMode.PAPER,
    position_mode=PositionMode.NET,
    risk_profile="paper",
)


class KeepingDoor:
    """A door with nobody behind it: stores everything, a turn of the loop later."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.requests: list[OrderRequest] = []
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def submit(
        self,
        cause: tuple[Fact, ...],
        requests: Sequence[OrderRequest],
        *,
        states: tuple[State, ...] = (),
        records: tuple[Record, ...] = (),
    ) -> AppendOutcome:
        assert not states
        assert records
        await self.is_open.wait()
        self.facts += cause
        self.requests += requests
        return Committed(last_seq=len(self.facts))

    def decisions(self) -> list[BotDecided]:
        return [fact.event for fact in self.facts if isinstance(fact.event, BotDecided)]


class NothingStored:
    """The first start of all."""

    async def load_states(self) -> Mapping[str, BotState]:
        return {}

    async def load_orders(self, states: Sequence[BotState]) -> Mapping[str, StoredOrders]:
        return {state.bot_id: StoredOrders((), (), Decimal(0)) for state in states}

    async def load_settings(self, wanted: Mapping[str, int]) -> Mapping[str, Settings]:
        assert not wanted
        return {}


class Floor:
    """A runner, its market, and what it asked for."""

    def __init__(self) -> None:
        self.hub = MarketHub()
        self.hub.on_instruments([SPOT])
        self.clock = VirtualClock(NOW_MS)
        self.door = KeepingDoor()
        self.tasks = TaskSupervisor()
        self.wanted: list[str] = []
        self.broken: list[str] = []
        self.breaks: set[str] = set()
        self.decided: list[tuple[Urgency, float]] = []
        self.runner = BotRunner(
            BotTools(
                door=self.door,
                reader=NothingStored(),
                clock=self.clock,
                account_of=lambda account_id: replace(ACCOUNT, account_id=account_id),
                market_of=lambda _: self.hub,
                may_enter=self.may_enter,
                want_quotes=lambda _, symbols: self.wanted.extend(symbols),
                spawn=self.spawn,
                report=lambda bot_id, _: self.broken.append(bot_id),
                decided=lambda urgency, seconds: self.decided.append((urgency, seconds)),
            )
        )

    def spawn(self, name: str, work: Coroutine[None, None, None], failed: object) -> None:
        self.tasks.start(name, work, failed)  # type: ignore[arg-type]

    def may_enter(self, _account: VenueAccount, bot: Bot) -> bool:
        if bot.bot_id in self.breaks:
            message = "broken on purpose"
            raise ValueError(message)
        return True

    def price(self, price: str) -> None:
        one = Decimal(price)
        self.hub.on_quote(
            Quote(
                symbol=SPOT.symbol,
                bid=one,
                bid_quantity=Decimal(1),
                ask=one,
                ask_quantity=Decimal(1),
                last=one,
                mark=one,
                index=one,
                at_ms=self.clock.now_ms(),
            )
        )

    async def quiet(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    def hear(self, request: OrderRequest, status: RequestStatus) -> None:
        self.runner.heard(ACCOUNT, [RequestState(request=request, status=status)])


def bot(name: str = "b1", account_id: str = "a1", settings: Settings | None = None) -> Bot:
    return Bot(
        bot_id=name,
        tenant="t1",
        owner="u1",
        account_id=account_id,
        name=name,
        symbol=SPOT.symbol,
        wish=Wish.RUN,
        settings_version=1,
        settings=settings or MartingaleSettings(),
        created_ms=NOW_MS,
    )


@pytest.fixture
async def floor() -> Floor:
    return Floor()


async def test_a_bot_that_hears_nothing_new_writes_nothing_down(floor: Floor) -> None:
    floor.price("100")
    await floor.runner.start([bot()], {})
    await floor.quiet()
    assert len(floor.door.decisions()) == 1
    for _ in range(5):
        floor.clock.advance_ms(1_000)
        floor.runner.wake("b1", Urgency.EXIT)
        await floor.quiet()
    assert len(floor.decided) == 6
    assert len(floor.door.decisions()) == 1


async def test_that_a_request_is_on_its_way_is_not_written_down_again(floor: Floor) -> None:
    floor.price("100")
    await floor.runner.start([bot()], {})
    await floor.quiet()
    floor.hear(floor.door.requests[0], RequestStatus.WORKING)
    await floor.quiet()
    assert len(floor.decided) == 2
    assert len(floor.door.decisions()) == 1


async def test_a_decision_says_what_it_heard_since_the_one_that_was_written_before(floor: Floor) -> None:
    floor.price("100")
    await floor.runner.start([bot()], {})
    await floor.quiet()
    request = floor.door.requests[0]
    floor.hear(request, RequestStatus.DENIED)
    await floor.quiet()
    first, second = floor.door.decisions()
    assert not first.stimulus.news
    assert [news.request_id for news in second.stimulus.news] == [request.request_id]
    floor.clock.advance_ms(60_000)
    floor.price("100")
    floor.runner.wake("b1", Urgency.ENTRY)
    await floor.quiet()
    assert not floor.door.decisions()[2].stimulus.news


async def test_a_bot_whose_decision_breaks_keeps_nobody_of_its_turn_from_deciding(floor: Floor) -> None:
    floor.breaks = {"b2"}
    floor.price("100")
    await floor.runner.start([bot(f"b{number}") for number in range(1, 6)], {})
    await floor.quiet()
    assert floor.broken == ["b2"]
    assert {one.bot_id for one in floor.door.decisions()} == {"b1", "b3", "b4", "b5"}
    floor.breaks = set()
    floor.clock.advance_ms(1_000)
    floor.runner.look_at_times()
    await floor.quiet()
    assert floor.door.decisions()[-1].bot_id == "b2"


async def test_a_stop_that_is_touched_while_its_bot_is_busy_stays_the_most_urgent(floor: Floor) -> None:
    floor.price("100")
    floor.door.is_open.clear()
    await floor.runner.start([bot()], {})
    await floor.quiet()
    floor.runner.wake("b1", Urgency.STOP)
    floor.door.is_open.set()
    await floor.quiet()
    assert [urgency for urgency, _ in floor.decided] == [Urgency.ENTRY, Urgency.STOP]


async def test_prices_are_asked_for_once_by_each_bot_and_market(floor: Floor) -> None:
    floor.price("100")
    await floor.runner.start([bot("b1"), bot("b2")], {})
    for _ in range(3):
        floor.runner.wake("b1", Urgency.EXIT)
        await floor.quiet()
    assert floor.wanted == [SPOT.symbol] * 2
    floor.hub = MarketHub()
    floor.hub.on_instruments([SPOT])
    for _ in range(2):
        floor.runner.wake("b1", Urgency.EXIT)
        await floor.quiet()
        floor.clock.advance_ms(5_000)
        floor.runner.look_at_times()
    # As long as there is no price, somebody must go on asking.
    assert floor.wanted == [SPOT.symbol] * 4


async def test_newer_settings_are_on_record_when_they_begin_to_count(floor: Floor) -> None:
    floor.price("100")
    await floor.runner.start([bot(settings=MartingaleSettings(base_price=Decimal(50)))], {})
    await floor.quiet()
    newer = MartingaleSettings(base_price=Decimal(60), stop_loss=StopLoss(percent=Decimal(9), reference=StopFrom.BASE))
    floor.runner.configure([replace(bot(), settings=newer, settings_version=2)], {})
    await floor.quiet()
    began = [fact.event for fact in floor.door.facts if isinstance(fact.event, BotConfigured)]
    assert [(one.settings_version, one.settings == newer) for one in began] == [(1, False), (2, True)]
    assert not [one for one in floor.door.requests if isinstance(one.intent, Enter)]


async def test_bots_that_began_together_are_not_asked_together_when_nothing_wakes_them(floor: Floor) -> None:
    waits = MartingaleSettings(base_price=Decimal(50))
    floor.price("100")
    await floor.runner.start([bot(f"b{number}", settings=waits) for number in range(300)], {})
    await floor.quiet()
    await floor.quiet()
    floor.tasks.start("bots", floor.runner.run())
    asked = len(floor.decided)
    together = 0
    for _ in range(1_300):
        floor.price("100")
        await floor.clock.run_ms(100)
        together, asked = max(together, len(floor.decided) - asked), len(floor.decided)
    await floor.tasks.close()
    # Each was asked again, and never more than one or two of them within a tenth of a second.
    assert asked >= 600
    assert together <= 2
