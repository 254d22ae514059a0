"""The rules that rebuild the tables, and the types of what is kept beside them, for whoever checks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing

import msgspec

from fairlead.core.model.bots.bars import BarsSeen
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.latch import Latch
from fairlead.core.model.state import State
from fairlead.core.rules.book_rebuild import BookHeader
from fairlead.core.rules.replay import InstrumentsOf, Replay
from fairlead.orders.account_desk import BOOK_SPACE
from fairlead.orders.kill_switch import LATCH_SPACE
from fairlead.ports import JournalRow
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.orders import Order
from fairlead.simulator.records import AccountRecord, ExchangeRecord
from fairlead.store.databases.opening import open_snapshot
from fairlead.store.queries.bots import BARS_SPACE
from fairlead.venues.paper.house import ACCOUNT_SPACE, MARKET_SPACE, ORDER_SPACE
from fairlead.wiring.venue_kinds import INSTRUMENT_SPACE, LISTING_SPACE


def journal_fold(url: str = "") -> Callable[[JournalRow], Iterable[State]]:
    """The rules that rebuild every table from the journal of a database, or of one that traded on paper only."""
    replay = Replay(instruments_of_accounts(url))
    return lambda row: replay.fold(row.tenant, row.event)


def known_instruments(url: str = "") -> Mapping[str, Instrument]:
    """Instruments by symbol: those of the paper venue, and with ``url`` those that accounts of a database looked at.

    Raises:
        Exception: what the driver says when the database is not there, was not migrated, or refused.
    """
    known = {instrument.symbol: instrument for instrument in DEFAULT_INSTRUMENTS}
    if not url:
        return known
    with closing(open_snapshot(url)) as snapshot:
        stored = list(snapshot.read_records(INSTRUMENT_SPACE))
    return known | {symbol: msgspec.json.decode(body, type=Instrument) for _, symbol, body in stored}


def instruments_of_accounts(url: str = "") -> InstrumentsOf:
    """Instruments by symbol, as each account knows them: where two exchanges name two contracts alike, it has its own.

    Raises:
        Exception: as ``known_instruments``.
    """
    known = known_instruments(url)
    if not url:
        return lambda _: known
    listed: dict[str, dict[str, Instrument]] = {}
    with closing(open_snapshot(url)) as snapshot:
        for market, symbol, body in snapshot.read_records(INSTRUMENT_SPACE):
            listed.setdefault(market, dict(known))[symbol] = msgspec.json.decode(body, type=Instrument)
        markets = {
            account: msgspec.json.decode(body, type=str) for account, _, body in snapshot.read_records(LISTING_SPACE)
        }
    return lambda account_id: listed.get(markets.get(account_id, ""), known)


def record_kinds() -> Mapping[str, type]:
    """The type of the records of each space."""
    return {
        BOOK_SPACE: BookHeader,
        LATCH_SPACE: Latch,
        ACCOUNT_SPACE: AccountRecord,
        ORDER_SPACE: Order,
        MARKET_SPACE: ExchangeRecord,
        INSTRUMENT_SPACE: Instrument,
        LISTING_SPACE: str,
        BARS_SPACE: tuple[BarsSeen, ...],
    }
