"""What the order path asks of a kind of venue: its accounts' venues, and the market that their desks look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from fairlead.core.model.account import VenueAccount
from fairlead.market.hub import MarketHub
from fairlead.market.warming import PastCandles
from fairlead.observing.figures import LimitFigures
from fairlead.orders.account_desk import AccountDesk
from fairlead.ports import Clock, Journal, Venue
from fairlead.store.session import Store
from fairlead.worker import TaskSupervisor

OKX: Final = "okx"
CCXT: Final = "ccxt"
INSTRUMENT_SPACE: Final = "instrument"
"""Records of the instruments that accounts have looked at, by site and symbol: what reads their facts needs them."""
LISTING_SPACE: Final = "listing"
"""Records of the site whose instruments an account trades, by account."""


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

    def want_quotes(self, account: VenueAccount, symbols: Sequence[str]) -> Awaitable[None] | None:
        """Have prices of instruments from now on; what to wait for until all have one, or None if nothing will come."""
        ...

    def history_of(self, account: VenueAccount) -> PastCandles | None:
        """Candles of the past of the market of an account that is prepared; None where nobody tells of them."""
        ...

    def limits(self) -> Sequence[LimitFigures]:
        """How much of the venue's rate limits is in use, by endpoint."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class VenueKinds:
    """Every kind that accounts may be of; one far away is opened when the first account of it is."""

    def __init__(self, here: Mapping[str, VenueKind], elsewhere: Mapping[str, Callable[[], VenueKind]]) -> None:
        """Take those of this process, and what opens the others."""
        self._open = dict(here)
        self._elsewhere = elsewhere

    @property
    def names(self) -> Sequence[str]:
        """All that are known."""
        return sorted({*self._open, *self._elsewhere})

    def is_remote(self, name: str) -> bool:
        """Whether somebody else must answer before an account of this kind can be opened."""
        return name in self._elsewhere

    def of(self, account: VenueAccount) -> VenueKind:
        """The kind of an account.

        Raises:
            KeyError: it is not known.
        """
        kind = self._open.get(account.kind)
        if kind is None:
            kind = self._open[account.kind] = self._elsewhere[account.kind]()
        return kind

    def hubs(self) -> Iterable[MarketHub]:
        """Every open market; what is traded with real money is shown before what is simulated."""
        far = [hub for name, kind in self._open.items() if self.is_remote(name) for hub in kind.hubs]
        here = [hub for name, kind in self._open.items() if not self.is_remote(name) for hub in kind.hubs]
        return dict.fromkeys((*far, *here))

    def limits(self) -> Sequence[LimitFigures]:
        """How much of the rate limits of all open kinds is in use."""
        return [one for kind in self._open.values() for one in kind.limits()]

    async def reload(self) -> None:
        """Tell every open kind that something was configured."""
        for kind in self._open.values():
            await kind.reload()

    async def close(self) -> None:
        """Let go of every connection."""
        for kind in self._open.values():
            await kind.close()


class LocalKind:
    """Venues in this process, or plugged into it, on the market of this process."""

    def __init__(self, hub: MarketHub, history: PastCandles, open_venue: Callable[[VenueAccount], Venue]) -> None:
        """Open venues with ``open_venue``."""
        self._hub = hub
        self._history = history
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

    def want_quotes(self, _account: VenueAccount, _symbols: Sequence[str]) -> Awaitable[None] | None:
        """Every instrument has its price already."""
        return None

    def history_of(self, _account: VenueAccount) -> PastCandles | None:
        """The same for all."""
        return self._history

    def limits(self) -> Sequence[LimitFigures]:
        """Nobody limits us here."""
        return ()

    async def close(self) -> None:
        """Nothing is open."""
