"""The kill switch: nothing new from the moment it is set, and what it asks beyond that exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest

from fairlead.core.model import events as ev
from fairlead.core.model.account import PositionMode
from fairlead.core.model.latch import Latch, LatchLevel, LatchScope
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.request import Close, OrderRequest, OrderType
from fairlead.core.model.state import RequestStatus
from fairlead.core.rules.latches import add_latch
from fairlead.store.latch_file import LatchFile
from fairlead.store.urls import sqlite_path
from tests.orders.trading_world import ETHER, INVERSE, LINEAR, SPOT, TradingWorld, account, buy, sell
from tests.orders.watched_journal import has_fact

STOP, CANCEL, FLATTEN = LatchLevel.STOP_NEW, LatchLevel.CANCEL_OPEN, LatchLevel.FLATTEN
# Long enough for the rounds of a close that needs several.
A_WHILE_MS = 5_000


def latch_file(world: TradingWorld) -> LatchFile:
    return LatchFile(sqlite_path(world.url).parent)


def kill(world: TradingWorld, scope: LatchScope, name: str = "", level: LatchLevel = STOP, tenant: str = "") -> Latch:
    latch = Latch(
        latch_id=f"latch-{scope}-{name}-{level}",
        scope=scope,
        name=name,
        level=level,
        tenant=tenant,
        by="a test",
        set_ms=world.clock.now_ms(),
        text="the drill",
    )
    latch_file(world).change(lambda before: add_latch(before, latch))
    return latch


def unkill(world: TradingWorld, latch: Latch) -> None:
    def ask(before: Sequence[Latch]) -> Sequence[Latch]:
        kept = [one for one in before if one.latch_id != latch.latch_id]
        return [*kept, cleared]

    cleared = Latch(
        latch_id=latch.latch_id,
        scope=latch.scope,
        name=latch.name,
        level=latch.level,
        by=latch.by,
        set_ms=latch.set_ms,
        clearing="the drill is over",
    )
    latch_file(world).change(ask)


def watch(world: TradingWorld) -> None:
    """Let the kill switch look, as a running process does."""
    world.trading.tasks.start("kill switch", world.kill_switch.run())


async def work_off(world: TradingWorld) -> None:
    """Let the kill switch look for a few seconds."""
    watch(world)
    await world.run_ms(A_WHILE_MS)


def resting(world: TradingWorld, symbol: str = LINEAR, account_id: str = "a1", **changes: object) -> OrderRequest:
    return world.request(
        account_id,
        symbol=symbol,
        intent=buy("0.1" if symbol == SPOT else 1),
        order_type=OrderType.LIMIT,
        limit_price=world.price(symbol) - 100,
        **changes,
    )


async def open_entries(world: TradingWorld, account_id: str = "a1") -> list[Order]:
    return [one for one in await world.orders(account_id) if not one.is_terminal and not one.origin]


# --- stop


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        (LatchScope.PLATFORM, ""),
        (LatchScope.TENANT, ""),
        (LatchScope.ACCOUNT, "a1"),
        (LatchScope.INSTRUMENT, LINEAR),
        (LatchScope.STRATEGY, "h1"),
    ],
)
async def test_nothing_new_is_sent_from_the_moment_it_is_set(world: TradingWorld, scope: LatchScope, name: str) -> None:
    kill(world, scope, name)

    state = await world.want(intent=buy(1))

    assert (state.status, state.reason_code) == (RequestStatus.DENIED, "kill_switch_active")
    assert "the drill" in state.message
    assert "fairlead unkill" in state.message
    assert world.venue_orders() == []


@pytest.mark.parametrize(
    ("scope", "name", "tenant"),
    [
        (LatchScope.ACCOUNT, "a2", ""),
        (LatchScope.INSTRUMENT, ETHER, ""),
        (LatchScope.STRATEGY, "h2", ""),
        (LatchScope.STRATEGY, "h1/other", ""),
        (LatchScope.PLATFORM, "", "t2"),
    ],
)
async def test_others_go_on_trading(world: TradingWorld, scope: LatchScope, name: str, tenant: str) -> None:
    kill(world, scope, name, tenant=tenant)

    assert (await world.want(intent=buy(1))).status is RequestStatus.FILLED


@pytest.mark.parametrize("symbol", [LINEAR, INVERSE, SPOT])
async def test_a_close_passes(world: TradingWorld, symbol: str) -> None:
    await world.want(symbol=symbol, intent=buy(1))
    kill(world, LatchScope.PLATFORM)

    assert (await world.want(symbol=symbol, intent=Close())).status is RequestStatus.FILLED


@pytest.mark.parametrize(("symbol", "passes"), [(LINEAR, False), (SPOT, True)])
async def test_it_is_asked_again_after_the_approval_and_lets_a_sale_of_spot_pass(
    world: TradingWorld, symbol: str, *, passes: bool
) -> None:
    request = world.request(symbol=symbol, intent=sell("0.5"))
    world.journal.pause_at = has_fact(ev.OrderApproved)
    await world.submit(request)
    await world.quiet()
    kill(world, LatchScope.PLATFORM)
    world.journal.resume()
    await world.quiet()

    state = await world.state(request)

    assert (state.status is RequestStatus.FILLED) is passes


async def test_it_stops_while_the_journal_takes_nothing(world: TradingWorld) -> None:
    world.halts_expected = True
    kill(world, LatchScope.PLATFORM)
    world.journal.refuse_all = lambda _: True

    await world.submit(world.request(intent=buy(1)))
    await work_off(world)

    assert world.venue_orders() == []
    world.journal.refuse_all = None
    await world.run_ms(A_WHILE_MS)


async def test_a_file_that_has_gone_stops_all_until_a_start_brings_it_back(world: TradingWorld) -> None:
    latch = kill(world, LatchScope.ACCOUNT, "a2")
    await work_off(world)
    latch_file(world).path.unlink()

    assert "latches.json" in (await world.want(intent=buy(1))).message
    await world.restart()

    assert latch_file(world).read() == (latch,)


async def test_a_restart_finds_what_was_queued_stopped(world: TradingWorld) -> None:
    request = world.request(intent=buy(1))
    world.journal.die_after = has_fact(ev.OrderRequested)
    submitting = asyncio.ensure_future(world.submit(request))
    await world.quiet()
    submitting.cancel()
    kill(world, LatchScope.PLATFORM)

    await world.restart()

    assert (await world.state(request)).reason_code == "kill_switch_active"


# --- cancel


async def test_cancel_leaves_no_entry_at_the_venue_and_all_protection(world: TradingWorld) -> None:
    await world.want(intent=buy(2), stop_loss_price=world.price() - 500)
    for symbol in (LINEAR, LINEAR, LINEAR, ETHER, ETHER, INVERSE, SPOT, SPOT, SPOT, SPOT):
        await world.ask(resting(world, symbol, source_id=f"h{len(symbol)}"))
    assert len(await open_entries(world)) == 10

    kill(world, LatchScope.ACCOUNT, "a1", CANCEL)
    await work_off(world)

    assert await open_entries(world) == []
    left = [one for one in await world.orders() if not one.is_terminal]
    assert [one.origin for one in left] == ["protection"]
    assert world.held() == 2
    assert world.agrees()


async def test_cancel_of_one_strategy_leaves_the_orders_of_others(world: TradingWorld) -> None:
    await world.ask(resting(world, source_id="h1"), resting(world, source_id="h2"))

    kill(world, LatchScope.STRATEGY, "h2", CANCEL)
    await work_off(world)

    assert [one.source_id for one in await open_entries(world)] == ["h1"]


# --- flatten


@pytest.mark.parametrize("mode", PositionMode)
async def test_flatten_ends_flat_and_a_restart_keeps_it(world: TradingWorld, mode: PositionMode) -> None:
    await world.configure(account("a1"), account("a2", position_mode=mode))
    for symbol, intent in ((LINEAR, buy(3)), (ETHER, sell(2)), (INVERSE, buy(1))):
        await world.want("a2", symbol=symbol, intent=intent)
    await world.want("a1", intent=buy(1))

    kill(world, LatchScope.ACCOUNT, "a2", FLATTEN)
    await work_off(world)
    await world.restart()
    await work_off(world)

    assert [world.held(symbol, "a2") for symbol in (LINEAR, ETHER, INVERSE)] == [0, 0, 0]
    assert world.held(LINEAR, "a1") == 1
    assert (await world.want("a2", intent=buy(1))).reason_code == "kill_switch_active"
    assert world.agrees("a2")


async def test_flatten_of_one_strategy_closes_only_its_share(world: TradingWorld) -> None:
    await world.want(intent=buy(3), source_id="h1")
    await world.want(intent=buy(2), source_id="h2")

    kill(world, LatchScope.STRATEGY, "h2", FLATTEN)
    await work_off(world)

    assert world.held() == 3


async def test_flatten_sells_the_spot_that_a_source_bought_and_nothing_else(world: TradingWorld) -> None:
    before = world.desk().book.balances["BTC"].total
    await world.want(symbol=SPOT, intent=buy("0.5"))

    kill(world, LatchScope.ACCOUNT, "a1", FLATTEN)
    await work_off(world)

    left = world.desk().book.balances["BTC"].total - before
    assert -Decimal("0.001") < left <= Decimal("0.001")


async def test_a_close_that_was_refused_is_asked_for_again(world: TradingWorld) -> None:
    await world.want(intent=buy(3))
    world.venue().answers.append(world.rate_limit(0))

    kill(world, LatchScope.ACCOUNT, "a1", FLATTEN)
    await work_off(world)

    assert world.held() == 0


@pytest.mark.parametrize(
    "fact",
    [ev.KillSwitchSet, ev.OrderRequested, ev.CancelRequested, ev.OrderApproved, ev.OrderAccepted, ev.OrderFilled],
)
@pytest.mark.parametrize("moment", ["die_before", "die_after"])
async def test_dying_at_any_step_closes_once(world: TradingWorld, fact: type, moment: str) -> None:
    await world.want(intent=buy(3))
    await world.ask(resting(world, ETHER))
    setattr(world.journal, moment, has_fact(fact))

    kill(world, LatchScope.ACCOUNT, "a1", FLATTEN)
    await work_off(world)
    assert world.journal.is_dead
    await world.restart(pause_ms=6_000)
    await work_off(world)

    assert await open_entries(world) == []
    assert world.held() == 0
    closes = [one for one in await world.orders() if one.symbol == LINEAR and one.reduce_only]
    assert sum(one.filled_quantity for one in closes) == 3
    assert world.agrees()


# --- lift


async def test_it_is_lifted_after_the_account_was_compared(world: TradingWorld) -> None:
    latch = kill(world, LatchScope.ACCOUNT, "a1")
    await work_off(world)
    unkill(world, latch)

    await world.run_ms(A_WHILE_MS)

    assert latch_file(world).read() == ()
    assert (await world.want(intent=buy(1))).status is RequestStatus.FILLED
    (cleared,) = await world.facts(ev.KillSwitchCleared)
    assert cleared.cause == latch.latch_id


async def test_it_stays_while_the_venue_does_not_tell(world: TradingWorld) -> None:
    latch = kill(world, LatchScope.ACCOUNT, "a1")
    await work_off(world)
    unkill(world, latch)
    world.venue().is_silent = True

    await world.run_ms(A_WHILE_MS)

    assert (await world.want(intent=buy(1))).reason_code == "kill_switch_active"


async def test_what_was_lifted_stays_lifted_after_a_restart(world: TradingWorld) -> None:
    latch = kill(world, LatchScope.ACCOUNT, "a1", CANCEL)
    await work_off(world)
    unkill(world, latch)
    await world.run_ms(A_WHILE_MS)

    await world.restart()

    assert latch_file(world).read() == ()
    assert (await world.want(intent=buy(1))).status is RequestStatus.FILLED
    assert all(one.status is OrderStatus.FILLED for one in await world.orders())


async def test_a_stronger_one_takes_the_place_of_a_weaker_one_for_good(world: TradingWorld) -> None:
    kill(world, LatchScope.PLATFORM)
    await work_off(world)
    strong = kill(world, LatchScope.PLATFORM, level=FLATTEN)
    await world.run_ms(A_WHILE_MS)

    await world.restart()
    await work_off(world)

    assert latch_file(world).read() == (strong,)


async def test_a_file_that_was_written_anew_gets_back_what_the_journal_knows(world: TradingWorld) -> None:
    known = kill(world, LatchScope.ACCOUNT, "a2")
    await work_off(world)
    latch_file(world).path.write_bytes(b"{")
    latch_file(world).rewrite([])

    await world.run_ms(A_WHILE_MS)

    assert latch_file(world).read() == (known,)
