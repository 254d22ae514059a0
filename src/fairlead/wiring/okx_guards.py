"""Keeps the dead man's switches of OKX accounts as their owners want them, and notes who protects each account."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Final

from fairlead.core.model.account import VenueAccount
from fairlead.orders.protection_notes import LOOK_EVERY_MS, ProtectionNotes
from fairlead.store.queries.dead_man import list_all_timeouts
from fairlead.venues.okx.venue import OkxVenue
from fairlead.wiring.venue_kinds import KindTools

CHOICE_FOLLOWED_EVERY_MS: Final = 500
AGAIN_MS: Final = 5_000

Work = Callable[[], Coroutine[None, None, None]]


class OkxGuards:
    """Every OKX account of this process.

    Nothing is switched off when the process ends, in whatever way: an owner who wants a switch wants no order to rest
    unwatched. A process that starts again in time gives the next sign of life before the switch acts.
    """

    def __init__(self, tools: KindTools) -> None:
        """Guard nobody yet."""
        self._tools = tools
        self._notes = ProtectionNotes(tools.clock)
        self._timeouts: Mapping[str, int] = {}
        self._venues: dict[str, OkxVenue] = {}
        self._halted: frozenset[str] = frozenset()

    async def reload(self) -> None:
        """Take what owners want as it is stored now."""
        async with self._tools.store.system_session() as system:
            self._timeouts = await list_all_timeouts(system)

    def guard(self, account: VenueAccount, venue: OkxVenue) -> None:
        """Look after one account from now on; again is harmless."""
        if account.account_id in self._venues:
            return
        if not self._venues:
            self._run("okx protection", self._watch)
        self._venues[account.account_id] = venue
        self._run(f"okx dead man {account.label}", partial(self._follow, account.account_id, venue))

    async def _follow(self, account_id: str, venue: OkxVenue) -> None:
        while True:
            timeout_s = self._timeouts.get(account_id)
            # Without a choice nothing is sent. A halted desk could not act, so its switch may run out.
            if timeout_s is not None and not (timeout_s and account_id in self._halted):
                await venue.dead_man_switch.follow(timeout_s)
            await self._tools.clock.sleep_ms(CHOICE_FOLLOWED_EVERY_MS)

    async def _watch(self) -> None:
        while True:
            desks = [desk for desk in self._tools.desks() if desk.account.account_id in self._venues]
            self._halted = frozenset(desk.account.account_id for desk in desks if desk.halt_reason)
            for desk in desks:
                if not desk.halt_reason:
                    venue = self._venues[desk.account.account_id]
                    armed, heard = venue.dead_man_switch.is_armed, venue.is_listening
                    self._notes.look(desk, is_switch_armed=armed, is_heard=heard)
            await self._tools.clock.sleep_ms(LOOK_EVERY_MS)

    def _run(self, name: str, work: Work) -> None:
        tasks = self._tools.tasks
        tasks.start(name, work(), lambda _: tasks.start(name, self._run_later(name, work)))

    async def _run_later(self, name: str, work: Work) -> None:
        await self._tools.clock.sleep_ms(AGAIN_MS)
        self._run(name, work)
