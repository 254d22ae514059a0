"""What the order path asks of a kind of venue: its accounts' venues, and the market that their desks look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from fairlead.core.model.account import VenueAccount
from fairlead.market.hub import MarketHub
from fairlead.orders.account_desk import AccountDesk
from fairlead.ports import Clock, Journal, Venue
from fairlead.store.session import Store
from fairlead.worker import TaskSupervisor


@dataclass(frozen=True, slots=True)
class KindTools:
    """What a kind of venue may use; ``desks`` are those that are open now, of every kind.

    ``journal`` is None where nothing may be kept, as when an account is only looked at.
    """

    tasks: TaskSupervisor
    journal: Journal | None
    store: Store
    clock: Clock
    desks: Callable[[], Iterable[AccountDesk]]


class VenueKind(Protocol):
    """All accounts of one kind in this process."""

    is_remote: bool
    """Whether somebody else must answer before an account can be opened."""

    @property
    def hubs(self) -> Iterable[MarketHub]:
        """Every market that is open here."""
        ...

    async def reload(self) -> None:
        """Hear that something was configured."""
        ...

    async def prepare(self, account: VenueAccount) -> None:
        """Do what must be done before the book of an account is read.

        Raises:
            VenueUnreachableError: the venue does not answer, or the account cannot be served as it is.
        """
        ...

    def market_of(self, account: VenueAccount) -> MarketHub:
        """The market of an account that is prepared."""
        ...

    def open_venue(self, account: VenueAccount) -> Venue:
        """The venue of an account that is prepared."""
        ...

    def want_quote(self, account: VenueAccount, symbol: str) -> Awaitable[None] | None:
        """Have prices of an instrument from now on; what to wait for until the first, or None if nothing will come."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class LocalKind:
    """Venues in this process, or plugged into it, on the market of this process."""

    is_remote = False

    def __init__(self, hub: MarketHub, open_venue: Callable[[VenueAccount], Venue]) -> None:
        """Open venues with ``open_venue``."""
        self._hub = hub
        self._open_venue = open_venue

    @property
    def hubs(self) -> Iterable[MarketHub]:
        """The one of this process."""
        return (self._hub,)

    async def reload(self) -> None:
        """Nothing is configured here."""

    async def prepare(self, account: VenueAccount) -> None:
        """Nothing must be done."""

    def market_of(self, _account: VenueAccount) -> MarketHub:
        """The same for all."""
        return self._hub

    def open_venue(self, account: VenueAccount) -> Venue:
        """Open it."""
        return self._open_venue(account)

    def want_quote(self, _account: VenueAccount, _symbol: str) -> Awaitable[None] | None:
        """Every instrument has its price already."""
        return None

    async def close(self) -> None:
        """Nothing is open."""
