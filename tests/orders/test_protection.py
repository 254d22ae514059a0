"""Who protects an account is written down when it changes, and is still known after a restart."""

from __future__ import annotations

from decimal import Decimal

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.events import PositionAdopted
from fairlead.core.model.protection import Protection, ProtectionChanged
from fairlead.core.model.reports import VenuePosition
from fairlead.core.rules.account_book import AccountBook
from fairlead.orders.protection_notes import ProtectionNotes
from tests.orders.trading_world import LINEAR, TradingWorld, buy


async def look(world: TradingWorld, notes: ProtectionNotes, times: int = 2, *, is_heard: bool = True) -> None:
    for _ in range(times):
        notes.look(world.desk(), is_switch_armed=False, is_heard=is_heard)
        await world.quiet()


async def noted(world: TradingWorld) -> list[Protection]:
    rows = [row.event for row in await world.facts(ProtectionChanged)]
    return [event.state for event in rows if isinstance(event, ProtectionChanged)]


async def test_a_change_is_written_down_once_and_survives_a_crash(world: TradingWorld) -> None:
    notes = ProtectionNotes(world.clock)
    await look(world, notes, times=5)
    await world.want(intent=buy(2), symbol=LINEAR)
    await look(world, notes, times=5)
    assert await noted(world) == [Protection.NOTHING_OPEN, Protection.BY_FAIRLEAD]
    await world.crash()
    await world.start()
    kept = world.desk().book.protection
    assert kept is not None
    assert (kept.state, kept.reasons) == (Protection.BY_FAIRLEAD, (f"{LINEAR} has no stop at the exchange",))
    await look(world, ProtectionNotes(world.clock), times=3)
    assert len(await noted(world)) == 2


async def test_a_book_that_was_rebuilt_is_judged_anew(world: TradingWorld) -> None:
    notes = ProtectionNotes(world.clock)
    await look(world, notes, times=3)
    held = AccountBook(tenant="t1", account_id="a1")
    position = VenuePosition(
        symbol=LINEAR,
        position_side=PositionSide.NET,
        margin_mode=MarginMode.CROSS,
        leverage=Decimal(3),
        quantity=Decimal(2),
        entry_price=Decimal(60_000),
        liquidation_price=None,
    )
    adopted = PositionAdopted(tenant="t1", account_id="a1", position=position, at_ms=0)
    held.apply(adopted, world.trading.hub.instruments)
    held.version = world.desk().book.version
    held.protection = world.desk().book.protection
    desk = world.desk()
    before, desk.book = desk.book, held
    await look(world, notes)
    desk.book = before
    assert (await noted(world))[-1] is Protection.BY_FAIRLEAD


async def test_what_is_over_at_the_next_look_is_not_written_down(world: TradingWorld) -> None:
    notes = ProtectionNotes(world.clock)
    await world.want(intent=buy(2), symbol=LINEAR)
    await look(world, notes)
    await look(world, notes, times=1, is_heard=False)
    await look(world, notes)
    assert await noted(world) == [Protection.BY_FAIRLEAD]
    await look(world, notes, is_heard=False)
    assert await noted(world) == [Protection.BY_FAIRLEAD, Protection.UNPROTECTED]
