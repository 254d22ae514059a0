"""Gives every desk of the process its turns from one scheduler, and rebuilds desks that halted."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.request import OrderRequest
from fairlead.orders.account_desk import AccountDesk
from fairlead.orders.desk_tools import RecordingDesk

# One turn may not keep the event loop from its sockets: 64 decisions are a few milliseconds.
DECISIONS_PER_TURN_MAX: Final = 64


class TradingFloor:
    """All open desks. One task a desk costs a third more than one scheduler for all (docs/decisions/0006)."""

    def __init__(self) -> None:
        """Start without desks."""
        self._desks: dict[str, AccountDesk] = {}
        self._ready: dict[str, AccountDesk] = {}
        self._held: dict[str, list[OrderRequest]] = {}
        self._scheduled = False

    @property
    def desks(self) -> Collection[AccountDesk]:
        """All desks, open or halted."""
        return self._desks.values()

    def add(self, desk: AccountDesk) -> None:
        """Open a desk, or put a rebuilt one in the place of the halted one."""
        account_id = desk.account.account_id
        self._desks[account_id] = desk
        # Those that came after its book was read; the others it has found there.
        held = self._held.pop(account_id, ())
        desk.receive([request for request in held if request.request_id not in desk.book.requests])

    def give(self, request: OrderRequest) -> None:
        """Hand a request whose ``OrderRequested`` is committed to its desk, now or when that opens."""
        desk = self.find(request.account_id)
        if desk is not None:
            desk.receive([request])
        else:
            self._held.setdefault(request.account_id, []).append(request)

    def find(self, account_id: str) -> AccountDesk | None:
        """The open desk of an account."""
        desk = self._desks.get(account_id)
        return None if desk is None or desk.halt_reason else desk

    def reconfigure(self, account: VenueAccount) -> None:
        """Give a desk its account as it is configured now."""
        desk = self._desks.get(account.account_id)
        if desk is not None:
            desk.account = account

    def wake(self, desk: RecordingDesk) -> None:
        """Give a desk a turn soon."""
        ours = self._desks.get(desk.account.account_id)
        if ours is not desk:
            return
        self._ready[desk.account.account_id] = ours
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        left = DECISIONS_PER_TURN_MAX
        # Round robin: one decision each, so that a busy account does not hold up the others.
        while self._ready and left:
            account_id, desk = next(iter(self._ready.items()))
            del self._ready[account_id]
            if desk.take_next():
                left -= 1
                if desk.waiting:
                    self._ready[account_id] = desk
        if self._ready:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)
