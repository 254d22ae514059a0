"""Everything a decision about one account may look at, frozen at one moment."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.loss import LossStanding
from fairlead.core.model.market import Quote
from fairlead.core.model.risk import RiskLimits, TradingState, UserExposure
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.valuation import AccountWorth, worth_of


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """One account with the market and the limits that apply, at ``now_ms``.

    ``limits`` are already merged, strictest first; ``profile`` names where they came from. ``latches`` are the kill
    switches that cover the account, empty when trading; ``losses`` is what the loss ladder allows
    now; ``others`` is about the tenant's other accounts, None while that is not known. ``valued`` is what the book is
    worth at these quotes, where that was computed already: ask for ``worth``.
    """

    account: VenueAccount
    book: AccountBook
    quotes: Mapping[str, Quote]
    instruments: Mapping[str, Instrument]
    limits: RiskLimits
    profile: str
    now_ms: int
    trading_state: TradingState = TradingState.ACTIVE
    latches: tuple[str, ...] = ()
    losses: LossStanding = LossStanding()
    others: UserExposure | None = None
    valued: AccountWorth | None = None

    @property
    def worth(self) -> AccountWorth:
        """What the book is worth at these quotes."""
        return self.valued or worth_of(self.book, self.quotes, self.instruments)
