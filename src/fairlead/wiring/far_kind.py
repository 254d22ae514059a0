"""What kinds of venues far away have in common: addresses, sealed keys, markets, and venues that are kept running."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, Generic, Protocol, TypeVar

import structlog

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.market import Quote
from fairlead.market.hub import MarketHub
from fairlead.market.warming import PastCandles
from fairlead.observing.figures import LimitFigures
from fairlead.orders.recover import VenueUnreachableError
from fairlead.ports import SecretBox, Venue
from fairlead.store.queries.links import VenueLink, list_all_links
from fairlead.store.queries.secrets import VenueKeyRow, list_all_venue_keys
from fairlead.store.session import Store
from fairlead.vault.opener import CredentialOpener
from fairlead.venues.account_findings import Finding, Severity
from fairlead.wiring.far_market import FarMarket
from fairlead.wiring.venue_kinds import KindTools

FOLLOW_EVERY_MS: Final = 2_000
VENUE_AGAIN_MS: Final = 5_000

_log = structlog.get_logger("fairlead")


class FarVenue(Venue, Protocol):
    """A venue that must be kept running to hear what happens."""

    async def run(self) -> None:
        """Hear for ever."""
        ...


MarketT = TypeVar("MarketT", bound=FarMarket)
VenueT = TypeVar("VenueT", bound=FarVenue)


class FarKind(ABC, Generic[MarketT, VenueT]):
    """Every account of one kind in this process."""

    def __init__(self, name: str, tools: KindTools, box: SecretBox) -> None:
        """Take what opens keys; nothing connects before the first account is prepared."""
        self.name = name
        self.tools = tools
        self.keys = CredentialOpener(partial(_load_keys, tools.store), box)
        self.venues: dict[str, VenueT] = {}
        self._links: Mapping[str, VenueLink] = {}
        self._is_following = False
        self._is_loaded = False

    @property
    @abstractmethod
    def markets(self) -> Sequence[MarketT]:
        """Every market that an account needed; live ones first."""

    @abstractmethod
    def market(self, account: VenueAccount) -> MarketT:
        """The market of an account; it need not be open.

        Raises:
            VenueUnreachableError: nobody knows where it is.
        """

    @abstractmethod
    async def start(self, account: VenueAccount, market: MarketT) -> tuple[VenueT, Sequence[Finding]]:
        """Open an account's venue on a market that is open, and look at the account.

        Raises:
            VenueUnreachableError: the venue does not answer, or not with this key.
        """

    @abstractmethod
    def history_of(self, account: VenueAccount) -> PastCandles | None:
        """Candles of the past of the account's market."""

    @abstractmethod
    async def check(self, account: VenueAccount) -> Sequence[Finding]:
        """Look at an account without trading on it.

        Raises:
            VenueUnreachableError: the venue does not answer, or not with this key.
        """

    async def look_up(self, account: VenueAccount, symbol: str) -> Quote | None:
        """The price of an instrument now, without a key; None where the venue tells none.

        Raises:
            VenueUnreachableError: the venue does not answer.
        """
        market = self.market(account)
        failure = await market.open(self.tools.tasks)
        if failure is not None:
            raise VenueUnreachableError(f"account {account.label}: {failure.message}")
        waiting = market.want([symbol])
        if waiting is not None:
            await waiting
        return market.hub.quotes.get(symbol)

    @property
    def hubs(self) -> Iterable[MarketHub]:
        """Every market that an account needed; live ones first."""
        return [market.hub for market in self.markets]

    async def reload(self) -> None:
        """Take addresses and sealed keys as they are stored now."""
        async with self.tools.store.system_session() as system:
            self._links = await list_all_links(system)
        await self.keys.reload()
        self._is_loaded = True

    async def prepare(self, account: VenueAccount) -> None:
        """Connect, read what is listed, and look at the account before its desk opens.

        Raises:
            VenueUnreachableError: the venue does not answer, or the account must not be traded as it is.
        """
        if not self._is_loaded:
            await self.reload()
        market = self.market(account)
        failure = await market.open(self.tools.tasks)
        if failure is not None:
            raise VenueUnreachableError(f"account {account.label}: {failure.message}")
        if account.account_id not in self.venues:
            venue, found = await self.start(account, market)
            _tell(account, found)
            self.venues[account.account_id] = venue
            market.note_account(account.account_id)
            self._run(account, venue)
        if not self._is_following:
            self._is_following = True
            self.tools.tasks.start(f"{self.name} prices wanted", self._follow())

    def market_of(self, account: VenueAccount) -> MarketHub:
        """The market of the account."""
        return self.market(account).hub

    def open_venue(self, account: VenueAccount) -> Venue:
        """The venue that ``prepare`` has started."""
        return self.venues[account.account_id]

    def want_quotes(self, account: VenueAccount, symbols: Sequence[str]) -> Awaitable[None] | None:
        """Have prices of instruments from now on."""
        return self.market(account).want(symbols)

    def limits(self) -> Sequence[LimitFigures]:
        """How much of the venue's rate limits is in use, where we count."""
        return ()

    async def close(self) -> None:
        """Let go of every connection."""
        for market in self.markets:
            await market.close()

    def link_of(self, account: VenueAccount) -> VenueLink:
        """Where the venue of an account is.

        Raises:
            VenueUnreachableError: nobody knows.
        """
        link = self._links.get(account.account_id)
        if link is None:
            raise VenueUnreachableError(f"account {account.label} has no address: remove it and add it again")
        return link

    def _run(self, account: VenueAccount, venue: VenueT) -> None:
        tasks, name = self.tools.tasks, f"{self.name} {account.label}"
        tasks.start(name, venue.run(), lambda _: tasks.start(name, self._run_later(account, venue)))

    async def _run_later(self, account: VenueAccount, venue: VenueT) -> None:
        await self.tools.clock.sleep_ms(VENUE_AGAIN_MS)
        self._run(account, venue)

    async def _follow(self) -> None:
        while True:
            for desk in self.tools.desks():
                if desk.account.kind == self.name and desk.account.account_id in self._links:
                    self.market(desk.account).follow(desk.book)
            await self.tools.clock.sleep_ms(FOLLOW_EVERY_MS)


def _tell(account: VenueAccount, found: Sequence[Finding]) -> None:
    for finding in found:
        _log.warning(
            "account_finding",
            account=account.label,
            severity=finding.severity.name.lower(),
            subject=finding.subject,
            message=finding.message,
            advice=finding.advice,
        )
        if finding.severity is Severity.REFUSE:
            raise VenueUnreachableError(f"account {account.label}: {finding.message}; {finding.advice}")


async def _load_keys(store: Store) -> Sequence[VenueKeyRow]:
    async with store.system_session() as system:
        return await list_all_venue_keys(system)
