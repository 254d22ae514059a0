"""Opens OKX accounts: one connection and market for each site, one rate governor for all, keys opened at signing."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import structlog

from fairlead.core.model.account import ExecutionMode, VenueAccount
from fairlead.core.model.reports import Unknown
from fairlead.market.hub import MarketHub
from fairlead.orders.recover import VenueUnreachableError
from fairlead.ports import SecretBox, Venue
from fairlead.store.queries.links import VenueLink, list_all_links
from fairlead.store.queries.secrets import VenueKeyRow, list_all_venue_keys
from fairlead.store.session import Store
from fairlead.vault.opener import CredentialOpener
from fairlead.venues.okx.account_check import Finding, Severity
from fairlead.venues.okx.governor import RateGovernor
from fairlead.venues.okx.opening import open_okx
from fairlead.venues.okx.signing import OkxKeys
from fairlead.venues.okx.sites import OkxSite
from fairlead.venues.okx.venue import OkxVenue
from fairlead.wiring.okx_market import OkxMarket
from fairlead.wiring.venue_kinds import OKX, KindTools

FOLLOW_EVERY_MS: Final = 2_000
STREAM_AGAIN_MS: Final = 5_000

_log = structlog.get_logger("fairlead")


class OkxKind:
    """Every OKX account of this process."""

    def __init__(self, tools: KindTools, box: SecretBox) -> None:
        """Take what opens keys; nothing connects before the first account is prepared."""
        self._tools = tools
        self._governor = RateGovernor(tools.clock)
        self._keys = CredentialOpener(partial(_load_keys, tools.store), box)
        self._links: Mapping[str, VenueLink] = {}
        self._markets: dict[OkxSite, OkxMarket] = {}
        self._venues: dict[str, OkxVenue] = {}
        self._is_following = False
        self._is_loaded = False

    @property
    def hubs(self) -> Iterable[MarketHub]:
        """Every site that an account needed; live ones first."""
        sites = sorted(self._markets, key=lambda site: site.is_demo)
        return [self._markets[site].hub for site in sites]

    async def reload(self) -> None:
        """Take addresses and sealed keys as they are stored now."""
        async with self._tools.store.system_session() as system:
            self._links = await list_all_links(system)
        await self._keys.reload()
        self._is_loaded = True

    async def prepare(self, account: VenueAccount) -> None:
        """Connect, read what is listed, and look at the account before its desk opens.

        Raises:
            VenueUnreachableError: OKX does not answer, or the account must not be traded as it is.
        """
        if not self._is_loaded:
            await self.reload()
        market = self._market(account)
        failure = await market.open(self._tools.tasks)
        if failure is not None:
            raise VenueUnreachableError(f"account {account.label}: {failure.message}")
        if account.account_id not in self._venues:
            venue = await self._start(account, market)
            self._venues[account.account_id] = venue
            self._run(account, venue)
        if not self._is_following:
            self._is_following = True
            self._tools.tasks.start("okx prices wanted", self._follow())

    def market_of(self, account: VenueAccount) -> MarketHub:
        """The market of the account's site."""
        return self._market(account).hub

    def open_venue(self, account: VenueAccount) -> Venue:
        """The venue that ``prepare`` has started."""
        return self._venues[account.account_id]

    def want_quotes(self, account: VenueAccount, symbols: Sequence[str]) -> Awaitable[None] | None:
        """Have prices of instruments from now on."""
        return self._market(account).want(symbols)

    async def close(self) -> None:
        """Let go of every connection."""
        for market in self._markets.values():
            await market.close()

    async def check(self, account: VenueAccount) -> Sequence[Finding]:
        """Look at an account without trading on it.

        Raises:
            VenueUnreachableError: OKX does not answer, or not with this key.
        """
        market = self._market(account)
        await market.connection.open()
        found = await self._open(account, market).start()
        if isinstance(found, Unknown):
            raise VenueUnreachableError(found.message)
        return found

    def _market(self, account: VenueAccount) -> OkxMarket:
        link = self._links.get(account.account_id)
        if link is None:
            raise VenueUnreachableError(f"account {account.label} has no address of OKX: remove it and add it again")
        is_demo = link.environment is not ExecutionMode.LIVE
        site = OkxSite(rest_url=link.rest_url, socket_url=link.socket_url, is_demo=is_demo)
        if site not in self._markets:
            self._markets[site] = OkxMarket(site, self._governor, self._tools.clock, self._tools.journal)
        return self._markets[site]

    def _open(self, account: VenueAccount, market: OkxMarket) -> OkxVenue:
        keys = partial(self._read_keys, account.account_id)
        try:
            keys()
        except ValueError as error:
            raise VenueUnreachableError(f"account {account.label}: {error}") from error
        return open_okx(account, market.connection, keys, self._tools.clock, self._governor)

    async def _start(self, account: VenueAccount, market: OkxMarket) -> OkxVenue:
        venue = self._open(account, market)
        found = await venue.start()
        if isinstance(found, Unknown):
            raise VenueUnreachableError(f"account {account.label}: {found.message}")
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
        return venue

    def _read_keys(self, account_id: str) -> OkxKeys:
        with self._keys.open(account_id) as found:
            return OkxKeys(api_key=found.api_key, api_secret=found.api_secret, passphrase=found.passphrase)

    def _run(self, account: VenueAccount, venue: OkxVenue) -> None:
        tasks, name = self._tools.tasks, f"okx {account.label}"
        tasks.start(name, venue.run(), lambda _: tasks.start(name, self._run_later(account, venue)))

    async def _run_later(self, account: VenueAccount, venue: OkxVenue) -> None:
        await self._tools.clock.sleep_ms(STREAM_AGAIN_MS)
        self._run(account, venue)

    async def _follow(self) -> None:
        while True:
            for desk in self._tools.desks():
                if desk.account.kind == OKX and desk.account.account_id in self._links:
                    self._market(desk.account).follow(desk.book)
            await self._tools.clock.sleep_ms(FOLLOW_EVERY_MS)


async def _load_keys(store: Store) -> Sequence[VenueKeyRow]:
    async with store.system_session() as system:
        return await list_all_venue_keys(system)
