"""Opens accounts over ccxt: one market for each exchange, one client for each account, which holds its key open."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from fairlead.core.model.account import ExecutionMode, VenueAccount
from fairlead.core.model.reports import Unknown
from fairlead.core.model.secret import Secret
from fairlead.orders.recover import VenueUnreachableError
from fairlead.ports import SecretBox
from fairlead.venues.account_findings import Finding
from fairlead.venues.ccxt.account_check import check_account
from fairlead.venues.ccxt.client import CcxtConnection, CcxtKeys, UnsupportedExchangeError
from fairlead.venues.ccxt.history import CcxtHistory
from fairlead.venues.ccxt.opening import open_ccxt
from fairlead.venues.ccxt.survey import Survey, survey
from fairlead.venues.ccxt.venue import CcxtVenue
from fairlead.wiring.ccxt_market import CcxtMarket, name_of
from fairlead.wiring.far_kind import FarKind
from fairlead.wiring.venue_kinds import CCXT, KindTools


class CcxtKind(FarKind[CcxtMarket, CcxtVenue]):
    """Every account over ccxt in this process."""

    def __init__(self, tools: KindTools, box: SecretBox) -> None:
        """Take what opens keys; nothing is loaded and nothing connects before the first account is prepared."""
        super().__init__(CCXT, tools, box)
        self._markets: dict[str, CcxtMarket] = {}
        # Also those that are not traded as they are, so that looking again opens no second client.
        self._opened: dict[str, tuple[VenueAccount, CcxtVenue]] = {}
        self._surveys: dict[str, Survey] = {}

    @property
    def markets(self) -> Sequence[CcxtMarket]:
        """One for each exchange that an account needed; live ones first."""
        return sorted(self._markets.values(), key=lambda market: market.connection.is_sandbox)

    def market(self, account: VenueAccount) -> CcxtMarket:
        """The market of the account's exchange."""
        link = self.link_of(account)
        given = {"rest": link.rest_url, "ws": link.socket_url}
        connection = CcxtConnection(
            exchange=account.exchange,
            urls={name: url for name, url in given.items() if url},
            is_sandbox=link.environment is not ExecutionMode.LIVE,
        )
        name = name_of(connection)
        if name not in self._markets:
            self._markets[name] = CcxtMarket(connection, self.tools.clock, self.tools.journal)
        return self._markets[name]

    def history_of(self, account: VenueAccount) -> CcxtHistory | None:
        """The exchange's own candles, asked for over the client that reads prices and keeps to its pace."""
        public = self.market(account).public
        return None if public is None else CcxtHistory(public)

    async def start(self, account: VenueAccount, market: CcxtMarket) -> tuple[CcxtVenue, Sequence[Finding]]:
        """Open an account with its key, and read it once."""
        venue = self._open(account, market)
        report = await venue.read_account()
        if isinstance(report, Unknown):
            raise VenueUnreachableError(f"account {account.label}: {report.message}")
        return venue, check_account(account, self._survey(account), report, venue.position_mode)

    async def check(self, account: VenueAccount) -> Sequence[Finding]:
        """Look at an account without trading on it."""
        market = self.market(account)
        failure = await market.feed.open()
        if failure is not None:
            raise VenueUnreachableError(f"account {account.label}: {failure.message}")
        _, found = await self.start(account, market)
        return found

    async def reload(self) -> None:
        """Take addresses and sealed keys as they are stored now; without its key an account sends nothing more."""
        await super().reload()
        for account, venue in self._opened.values():
            try:
                keys = self._read_keys(account)
            except ValueError:
                keys = CcxtKeys(fields=dict.fromkeys(self._survey(account).keys, Secret("")))
            venue.take_keys(keys)

    async def close(self) -> None:
        """Let go of every connection."""
        await asyncio.gather(*(venue.close() for _, venue in self._opened.values()))
        await super().close()

    def _open(self, account: VenueAccount, market: CcxtMarket) -> CcxtVenue:
        if account.account_id not in self._opened:
            try:
                keys = self._read_keys(account)
                venue = open_ccxt(account, market.connection, lambda: keys, self.tools.clock, market.public)
            except (ValueError, UnsupportedExchangeError) as error:
                raise VenueUnreachableError(f"account {account.label}: {error}") from error
            self._opened[account.account_id] = account, venue
        return self._opened[account.account_id][1]

    def _survey(self, account: VenueAccount) -> Survey:
        if account.exchange not in self._surveys:
            self._surveys[account.exchange] = survey(account.exchange)
        return self._surveys[account.exchange]

    def _read_keys(self, account: VenueAccount) -> CcxtKeys:
        with self.keys.open(account.account_id) as found:
            parts = (found.api_key, found.api_secret, found.passphrase)
            return CcxtKeys(fields=dict(zip(self._survey(account).keys, parts, strict=False)))
