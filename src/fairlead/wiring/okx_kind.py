"""Opens OKX accounts: one connection and market for each site, one rate governor for all, keys opened at signing."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from fairlead.core.model.account import ExecutionMode, VenueAccount
from fairlead.core.model.market import Quote
from fairlead.core.model.reports import Unknown
from fairlead.observing.figures import LimitFigures
from fairlead.orders.recover import VenueUnreachableError
from fairlead.ports import SecretBox
from fairlead.venues.account_findings import Finding
from fairlead.venues.okx.governor import RateGovernor
from fairlead.venues.okx.history import OkxHistory
from fairlead.venues.okx.opening import open_okx
from fairlead.venues.okx.rest import OkxRest
from fairlead.venues.okx.signing import OkxKeys
from fairlead.venues.okx.sites import OkxSite
from fairlead.venues.okx.venue import OkxVenue
from fairlead.wiring.far_kind import FarKind
from fairlead.wiring.okx_guards import OkxGuards
from fairlead.wiring.okx_market import OkxMarket
from fairlead.wiring.okx_seats import gather_limits, open_seats
from fairlead.wiring.venue_kinds import OKX, KindTools


class OkxKind(FarKind[OkxMarket, OkxVenue]):
    """Every OKX account of this process."""

    def __init__(self, tools: KindTools, box: SecretBox) -> None:
        """Take what opens keys; nothing connects before the first account is prepared."""
        super().__init__(OKX, tools, box)
        self._governor = RateGovernor(tools.clock)
        self._seats = open_seats(tools.store, self._governor, tools.clock)
        self._markets: dict[OkxSite, OkxMarket] = {}
        self._guards = OkxGuards(tools)

    @property
    def markets(self) -> Sequence[OkxMarket]:
        """One for each site that an account needed; live ones first."""
        return [self._markets[site] for site in sorted(self._markets, key=lambda site: site.is_demo)]

    async def reload(self) -> None:
        """Take addresses, sealed keys and dead man's switches as they are stored now."""
        await super().reload()
        await self._guards.reload()

    async def prepare(self, account: VenueAccount) -> None:
        """Open an account's venue, and guard what it has open."""
        if not await self._seats.take_main():
            raise VenueUnreachableError(f"account {account.label}: no seat at the rate limits of OKX could be taken")
        await super().prepare(account)
        self._guards.guard(account, self.venues[account.account_id])

    async def close(self) -> None:
        """Let go of every connection, and of the rate limits."""
        await self._seats.leave()
        await super().close()

    def limits(self) -> Sequence[LimitFigures]:
        """How much of OKX's rate limits is in use, by endpoint."""
        return gather_limits(self._governor)

    def market(self, account: VenueAccount) -> OkxMarket:
        """The market of the account's site."""
        link = self.link_of(account)
        is_demo = link.environment is not ExecutionMode.LIVE
        site = OkxSite(rest_url=link.rest_url, socket_url=link.socket_url, is_demo=is_demo)
        if site not in self._markets:
            self._markets[site] = OkxMarket(site, self._governor, self.tools.clock, self.tools.journal)
        return self._markets[site]

    def history_of(self, account: VenueAccount) -> OkxHistory:
        """OKX's own candles, asked for without a key, within the rate limits that all accounts share."""
        return OkxHistory(OkxRest(self.market(account).connection, self._governor, self.tools.clock))

    async def start(self, account: VenueAccount, market: OkxMarket) -> tuple[OkxVenue, Sequence[Finding]]:
        """Open an account with its key, and ask OKX what works with it."""
        keys = partial(self._read_keys, account.account_id)
        try:
            keys()
        except ValueError as error:
            raise VenueUnreachableError(f"account {account.label}: {error}") from error
        venue = open_okx(account, market.connection, keys, self.tools.clock, self._governor)
        found = await venue.start()
        if isinstance(found, Unknown):
            raise VenueUnreachableError(f"account {account.label}: {found.message}")
        return venue, found

    async def check(self, account: VenueAccount) -> Sequence[Finding]:
        """Look at an account without trading on it."""
        market = self.market(account)
        await self._take_spare_seat()
        await market.connection.open()
        _, found = await self.start(account, market)
        return found

    async def look_up(self, account: VenueAccount, symbol: str) -> Quote | None:
        """The price of an instrument now, beside a server that may be running."""
        await self._take_spare_seat()
        return await super().look_up(account, symbol)

    async def _take_spare_seat(self) -> None:
        if not await self._seats.take_spare():
            raise VenueUnreachableError("other commands are asking OKX all the time; try again when they are done")

    def _read_keys(self, account_id: str) -> OkxKeys:
        with self.keys.open(account_id) as found:
            return OkxKeys(api_key=found.api_key, api_secret=found.api_secret, passphrase=found.passphrase)
