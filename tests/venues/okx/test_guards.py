"""Dead man's switches as their owners want them: followed while a process runs, and left as they are when it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.events import AccountEvent
from fairlead.core.model.order import Order
from fairlead.core.model.protection import Protection, ProtectionChanged
from fairlead.core.rules.account_book import AccountBook
from fairlead.orders.account_desk import AccountDesk
from fairlead.ports import MarketView, Venue
from fairlead.store.queries.accounts import add_account
from fairlead.store.queries.dead_man import save_timeout
from fairlead.store.session import Store
from fairlead.venues.okx import protection
from fairlead.wiring import okx_guards
from fairlead.wiring.okx_guards import OkxGuards
from fairlead.wiring.venue_kinds import KindTools
from fairlead.worker import TaskSupervisor
from tests.servers.clean import clean_sqlite
from tests.venues.okx.okx_floor import OkxFloor, Trader, approve, open_floor, until

ENDPOINT = "POST trade/cancel-all-after"


@dataclass
class Desk:
    """A desk that only keeps what it is to write down."""

    account: VenueAccount
    book: AccountBook
    venue: Venue
    market: MarketView = field(init=False)
    halt_reason: str = ""

    def record(self, events: Sequence[AccountEvent], then: Callable[[], None] | None = None) -> None:
        for event in events:
            self.book.apply(event, {})
        if then is not None:
            then()

    def wake(self) -> None:
        """There is nothing to do."""

    def stop_waiting(self, order: Order) -> None:
        """Nobody waits."""

    def halt(self, reason: str) -> None:
        self.halt_reason = reason


@dataclass
class Guarded:
    """One account at the exchange, its guards, and where its owner's choice is kept."""

    floor: OkxFloor
    trader: Trader
    desk: Desk
    guards: OkxGuards
    tasks: TaskSupervisor
    store: Store

    async def choose(self, timeout_s: int) -> None:
        account = self.trader.account
        async with self.store.session(account.tenant, writes=True) as session:
            await save_timeout(session, account.account_id, timeout_s)
        await self.guards.reload()

    @property
    def is_armed(self) -> bool:
        return self.trader.venue.dead_man_switch.is_armed

    @property
    def noted(self) -> ProtectionChanged | None:
        return self.desk.book.protection


@pytest.fixture(name="guarded")
async def _guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Guarded]:
    monkeypatch.setattr(okx_guards, "CHOICE_FOLLOWED_EVERY_MS", 20)
    monkeypatch.setattr(okx_guards, "LOOK_EVERY_MS", 20)
    store, tasks = Store(clean_sqlite(tmp_path)), TaskSupervisor()
    async with open_floor() as floor:
        trader = floor.trader()
        account = trader.account
        async with store.session(account.tenant, writes=True) as session:
            await add_account(session, account, created_ms=1)
        desk = Desk(account, AccountBook(tenant=account.tenant, account_id=account.account_id), trader.venue)
        tools = KindTools(
            tasks=tasks, journal=None, store=store, clock=floor.clock, desks=lambda: [cast("AccountDesk", desk)]
        )
        guards = OkxGuards(tools)
        guards.guard(account, trader.venue)
        guards.guard(account, trader.venue)
        yield Guarded(floor, trader, desk, guards, tasks, store)
        await tasks.close()
    await store.close()


async def test_a_choice_is_followed_as_soon_as_it_is_known_and_taken_back_at_the_exchange(guarded: Guarded) -> None:
    await guarded.guards.reload()
    await guarded.floor.clock.sleep_ms(200)
    assert ENDPOINT not in {row.endpoint for row in guarded.floor.governor.usage()}, "nobody ever chose"
    await guarded.choose(60)
    await until(lambda: guarded.is_armed)
    await until(lambda: guarded.noted is not None and guarded.noted.state is Protection.ON_EXCHANGE)
    await guarded.choose(0)
    await until(lambda: not guarded.is_armed)
    await until(lambda: guarded.noted is not None and guarded.noted.state is Protection.NOTHING_OPEN)
    await guarded.trader.venue.place_order(approve(guarded.trader.resting()))
    guarded.floor.okx.faults.acts.jump_clock(61_000)
    await guarded.floor.clock.sleep_ms(300)
    assert len(guarded.floor.okx.exchange.accounts.open_orders("k1")) == 1


async def test_the_end_of_a_process_in_good_order_leaves_the_switch_to_the_exchange(guarded: Guarded) -> None:
    await guarded.trader.venue.place_order(approve(guarded.trader.resting()))
    await guarded.choose(60)
    await until(lambda: guarded.is_armed)
    await guarded.tasks.close()
    open_orders = guarded.floor.okx.exchange.accounts.open_orders
    assert len(open_orders("k1")) == 1
    guarded.floor.okx.faults.acts.jump_clock(61_000)
    await until(lambda: not open_orders("k1"))


async def test_an_account_whose_desk_is_halted_gives_no_sign_of_life_until_it_is_open_again(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protection, "SIGNS_PER_TIMEOUT", 10)
    switch = guarded.trader.venue.dead_man_switch
    await guarded.choose(10)
    await until(lambda: switch.is_armed)
    guarded.desk.halt("the disk is full")
    acts_at_ms = switch.acts_at_ms
    await guarded.floor.clock.sleep_ms(1_500)
    assert switch.acts_at_ms == acts_at_ms
    guarded.desk.halt_reason = ""
    await until(lambda: switch.acts_at_ms > acts_at_ms)
