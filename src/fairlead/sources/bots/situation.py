"""What stands between a bot and its next decision at this moment, in words that its owner reads."""

from __future__ import annotations

from typing import Final

import msgspec

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.market.hub import MarketHub
from fairlead.sources.bots.seams import BotTools
from fairlead.store.queries.bots import Bot

QUOTE_AGE_MAX_MS: Final = 15_000
"""A price that is older wakes no entries: the feed is dead, and the bot says so."""

ACCOUNT_GONE: Final = "its account is gone, or takes no orders"
NOT_OPEN: Final = "its account is not open"
NOT_LISTED: Final = "its instrument is not traded at its account"
NO_PRICE: Final = "no price of its instrument yet"
ACCOUNT_DISABLED: Final = "its account is disabled: no entries"
COVERED: Final = "a kill switch covers it: no entries"
FEED_SILENT: Final = "no fresh price: no entries until the feed is back"
BOOKS_DIFFER: Final = "its account differs from the exchange: no new entries until that is settled"


class Blocked(msgspec.Struct, frozen=True):
    """It cannot decide at all; ``account`` and ``hub`` are where a price comes from, if that is what is missing."""

    note: str
    account: VenueAccount | None = None
    hub: MarketHub | None = None


class Ready(msgspec.Struct, frozen=True):
    """It can decide; ``note`` says what is held back, and is empty when nothing is.

    Without ``may_enter`` entries that rest are taken back, too; without ``may_add`` they stay, and no new ones come.
    """

    account: VenueAccount
    hub: MarketHub
    instrument: Instrument
    quote: Quote
    note: str = ""
    may_enter: bool = True
    may_add: bool = True


def look_around(tools: BotTools, bot: Bot, now_ms: int) -> Blocked | Ready:
    """Tell what a bot can do now."""
    account = tools.account_of(bot.account_id)
    if account is None:
        return Blocked(ACCOUNT_GONE)
    hub = tools.market_of(account)
    if hub is None:
        return Blocked(NOT_OPEN)
    instrument, quote = hub.instruments.get(bot.symbol), hub.quotes.get(bot.symbol)
    if instrument is None:
        return Blocked(NOT_LISTED, account, hub)
    if quote is None or not quote.last:
        return Blocked(NO_PRICE, account, hub)
    if not account.enabled:
        return Ready(account, hub, instrument, quote, ACCOUNT_DISABLED, may_enter=False)
    if not tools.may_enter(account, bot):
        return Ready(account, hub, instrument, quote, COVERED, may_enter=False)
    if now_ms - quote.at_ms > QUOTE_AGE_MAX_MS:
        return Ready(account, hub, instrument, quote, FEED_SILENT, may_enter=False)
    if tools.differs(account):
        return Ready(account, hub, instrument, quote, BOOKS_DIFFER, may_add=False)
    return Ready(account, hub, instrument, quote)
