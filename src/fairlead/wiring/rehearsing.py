"""Sets the stage for a rehearsal from what is stored: books of accounts, newest saved prices, limits and policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from fairlead.accounts.directory import Directory, load_directory
from fairlead.accounts.profiles import ProfileBook, built_in_profiles
from fairlead.core.model.account import Balance, VenueAccount
from fairlead.core.model.events import RequestDenied, RequestSkipped
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.loss import LossStanding
from fairlead.core.model.market import Quote
from fairlead.core.model.money import ZERO
from fairlead.core.model.policy import Policing, Policy
from fairlead.core.model.request import OrderRequest
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.book_rebuild import BookRows, rebuild_book
from fairlead.core.rules.loss_state import standing_of
from fairlead.core.rules.valuation import AccountWorth, worth_of
from fairlead.orders.account_desk import BOOK_SPACE
from fairlead.orders.rehearsal import rehearse
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.records import ExchangeRecord
from fairlead.store.queries.recovery import load_book_rows, load_records
from fairlead.store.session import Store
from fairlead.venues.paper.house import MARKET_SPACE
from fairlead.wiring.trading import RECENT_ORDERS_MS


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What would become of a request on an account, and everything that decided."""

    account: VenueAccount
    outcome: RequestDenied | RequestSkipped


@dataclass(frozen=True, slots=True)
class Stage:
    """A tenant's accounts as they are stored now, at the newest saved prices; it changes nothing."""

    directory: Directory
    instruments: Mapping[str, Instrument]
    quotes: Mapping[str, Quote]
    profiles: ProfileBook
    rows: Mapping[str, BookRows]

    def play(self, request: OrderRequest, now_ms: int, extra: Policy | None = None) -> Rehearsed | None:
        """Decide a request as of ``now_ms``; ``extra`` joins the policies, or replaces the one of its name."""
        account = self.directory.find_account(request.tenant, request.account_id)
        if account is None:
            return None
        policing = self.directory.find_policing(account, request)
        if extra is not None:
            others = tuple(one for one in policing.policies if one.name != extra.name)
            policing = Policing(policies=(*others, extra), source=policing.source or self._source(request))
        return Rehearsed(account, rehearse(request, self._view(account, request, now_ms), policing))

    def _source(self, request: OrderRequest) -> str:
        hook = self.directory.find_hook(request.tenant, request.source_id)
        return request.source_id if hook is None else hook.name

    def _view(self, account: VenueAccount, request: OrderRequest, now_ms: int) -> AccountView:
        limits, profile = self.profiles.limits_for(account, request)
        book = self.book_of(account)
        # Prices are the newest that were saved, and taken as if they were fresh.
        quotes = {symbol: msgspec.structs.replace(quote, at_ms=now_ms) for symbol, quote in self.quotes.items()}
        return AccountView(
            account=account,
            book=book,
            quotes=quotes,
            instruments=self.instruments,
            limits=limits,
            profile=profile,
            now_ms=now_ms,
            losses=self.standing(account, now_ms),
        )

    def standing(self, account: VenueAccount, now_ms: int) -> LossStanding:
        """What an account has lost, and what its loss ladder allows."""
        if self.rows[account.account_id].header is None:
            # No server has opened it yet, so that nothing can be lost.
            return LossStanding(day_loss=ZERO, week_loss=ZERO, month_loss=ZERO, drawdown=ZERO)
        book = self.book_of(account)
        equity = self.worth(account).equity_usd
        return standing_of(book.losses, equity, now_ms=now_ms, limits=self.profiles.loss_limits_for(account))

    def worth(self, account: VenueAccount) -> AccountWorth:
        """What an account is worth at the newest saved prices."""
        return worth_of(self.book_of(account), self.quotes, self.instruments)

    def book_of(self, account: VenueAccount) -> AccountBook:
        """An account's book, rebuilt from its rows."""
        rows = self.rows[account.account_id]
        book = rebuild_book(rows, self.instruments)
        if rows.header is None and not rows.balances:
            # No server has opened it yet, and it will begin with this.
            for currency, total in account.opening_balances.items():
                book.balances[currency] = Balance(
                    tenant=account.tenant, account_id=account.account_id, currency=currency, total=total
                )
        return book


async def set_stage(store: Store, tenant: str, *, now_ms: int, seed: int) -> Stage:
    """Read everything that a rehearsal looks at; ``seed`` is of the simulated market, for when no price was saved."""
    directory = await load_directory(store)
    accounts: Sequence[VenueAccount] = directory.list_accounts(tenant)
    async with store.system_session() as system:
        since_ms = now_ms - RECENT_ORDERS_MS
        rows = await load_book_rows(system, accounts, header_space=BOOK_SPACE, recent_since_ms=since_ms)
        saved = await load_records(system, MARKET_SPACE)
    exchange = Exchange(instruments=DEFAULT_INSTRUMENTS, seed=seed, now_ms=now_ms)
    for body in saved.values():
        exchange.records.load_market(msgspec.json.decode(body, type=ExchangeRecord))
    return Stage(
        directory=directory,
        instruments=exchange.instruments,
        quotes={symbol: exchange.markets.quote(symbol) for symbol in exchange.instruments},
        profiles=ProfileBook(built_in_profiles()),
        rows=rows,
    )
