"""Who protects an account is written down when it changes, and is still known after a restart."""

from __future__ import annotations

from fairlead.core.model.protection import Protection, ProtectionChanged
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


async def test_what_is_over_at_the_next_look_is_not_written_down(world: TradingWorld) -> None:
    notes = ProtectionNotes(world.clock)
    await world.want(intent=buy(2), symbol=LINEAR)
    await look(world, notes)
    await look(world, notes, times=1, is_heard=False)
    await look(world, notes)
    assert await noted(world) == [Protection.BY_FAIRLEAD]
    await look(world, notes, is_heard=False)
    assert await noted(world) == [Protection.BY_FAIRLEAD, Protection.UNPROTECTED]
