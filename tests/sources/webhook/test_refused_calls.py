"""The newest refused calls of each hook are kept, and losing them never hurts."""

from __future__ import annotations

from fairlead.sources.webhook.refused_calls import FLUSH_EVERY_MS, RefusedCalls
from fairlead.store.queries.hook_calls import REFUSED_CALLS_MAX, RefusedCall, list_refused_calls
from fairlead.store.queries.hooks import add_hook
from fairlead.store.queries.users import add_user
from fairlead.worker import TaskSupervisor
from tests.sources.webhook.world import OWNER, TENANT, World, make_hook


def make_call(number: int, hook_id: str = "hook-1") -> RefusedCall:
    return RefusedCall(
        call_id=f"{number:027x}",
        tenant=TENANT,
        hook_id=hook_id,
        received_ms=number,
        source_address="203.0.113.9",
        status_code=400,
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
