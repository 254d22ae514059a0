"""The newest refused calls of each hook are kept, and losing them never hurts."""

from __future__ import annotations

from fairlead.sources.webhook.refused_calls import FLUSH_EVERY_MS, MINUTE_MS, RefusedCalls
from fairlead.store.queries.hook_calls import (
    REFUSED_CALLS_MAX,
    STRANGER_CALLS_MAX,
    RefusedCall,
    list_refused_calls,
)
from fairlead.store.queries.hooks import add_hook
from fairlead.store.queries.users import add_user
from fairlead.worker import TaskSupervisor
from tests.sources.webhook.world import OWNER, TENANT, World, make_hook


def make_call(number: int, hook_id: str = "hook-1", status_code: int = 400) -> RefusedCall:
    return RefusedCall(
        call_id=f"{number:027x}",
        tenant=TENANT,
        hook_id=hook_id,
        received_ms=number,
        source_address="203.0.113.9",
        status_code=status_code,
        error="wrong or missing: qty",
        details=("qty: is required",),
    )


async def add_to_store(world: World) -> None:
    async with world.store.session(TENANT, writes=True) as session:
        await add_user(session, OWNER)
        await add_hook(session, make_hook())


async def read_calls(world: World) -> list[RefusedCall]:
    async with world.store.session(TENANT) as session:
        return list(await list_refused_calls(session, "hook-1"))


async def test_only_the_newest_calls_of_a_flood_are_kept(world: World) -> None:
    await add_to_store(world)
    calls = RefusedCalls(world.store, world.clock)
    for number in range(1_000):
        calls.note(make_call(number))
    await calls.flush()
    calls.note(make_call(1_000))
    await calls.flush()
    await calls.flush()
    kept = await read_calls(world)
    assert [call.received_ms for call in kept] == list(range(1_000, 1_000 - REFUSED_CALLS_MAX, -1))
    assert kept[0] == make_call(1_000)


async def test_strangers_push_no_call_of_a_hooks_own_senders_out(world: World) -> None:
    await add_to_store(world)
    calls = RefusedCalls(world.store, world.clock)
    for number in range(REFUSED_CALLS_MAX):
        calls.note(make_call(number))
    for number in range(1_000, 1_050):
        calls.note(make_call(number * MINUTE_MS // STRANGER_CALLS_MAX, status_code=401))
        await calls.flush()
    kept = await read_calls(world)
    assert [call.received_ms for call in kept if not call.is_strangers] == list(reversed(range(REFUSED_CALLS_MAX)))
    assert len([call for call in kept if call.is_strangers]) == STRANGER_CALLS_MAX


async def test_of_a_flood_of_strangers_a_few_a_minute_are_noted(world: World) -> None:
    await add_to_store(world)
    calls = RefusedCalls(world.store, world.clock)
    for number in range(1_000):
        calls.note(make_call(number, status_code=401))
    await calls.flush()
    assert [call.received_ms for call in await read_calls(world)] == list(reversed(range(STRANGER_CALLS_MAX)))
    calls.note(make_call(MINUTE_MS, status_code=401))
    await calls.flush()
    assert (await read_calls(world))[0].received_ms == MINUTE_MS


async def test_calls_of_a_hook_that_is_gone_are_dropped_without_harm_to_the_others(world: World) -> None:
    await add_to_store(world)
    calls = RefusedCalls(world.store, world.clock)
    calls.note(make_call(1, hook_id="gone"))
    calls.note(make_call(2))
    await calls.flush()
    assert [call.received_ms for call in await read_calls(world)] == [2]


async def test_what_was_gathered_is_stored_once_a_second(world: World) -> None:
    await add_to_store(world)
    calls = RefusedCalls(world.store, world.clock)
    tasks = TaskSupervisor()
    tasks.start("refused calls", calls.run())
    calls.note(make_call(1))
    await world.clock.run_ms(FLUSH_EVERY_MS - 1)
    assert await read_calls(world) == []
    await world.clock.run_ms(1)
    while not (found := await read_calls(world)):
        pass
    assert found == [make_call(1)]
    await tasks.close()
