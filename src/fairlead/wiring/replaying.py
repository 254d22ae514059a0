"""The rules that rebuild the tables, and the types of what is kept beside them, for whoever checks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.latch import Latch
from fairlead.core.model.state import State
from fairlead.core.rules.book_rebuild import BookHeader
from fairlead.core.rules.replay import Replay
from fairlead.orders.account_desk import BOOK_SPACE
from fairlead.orders.kill_switch import LATCH_SPACE
from fairlead.ports import JournalRow
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.orders import Order
from fairlead.simulator.records import AccountRecord, ExchangeRecord
from fairlead.venues.paper.house import ACCOUNT_SPACE, MARKET_SPACE, ORDER_SPACE


def journal_fold() -> Callable[[JournalRow], Iterable[State]]:
    """The rules that rebuild every table from the journal."""
    replay = Replay(known_instruments())
    return lambda row: replay.fold(row.tenant, row.event)


def known_instruments() -> Mapping[str, Instrument]:
    """Every instrument that can be traded, by symbol."""
    return {instrument.symbol: instrument for instrument in DEFAULT_INSTRUMENTS}


def record_kinds() -> Mapping[str, type]:
    """The type of the records of each space."""
    return {
        BOOK_SPACE: BookHeader,
        LATCH_SPACE: Latch,
        ACCOUNT_SPACE: AccountRecord,
        ORDER_SPACE: Order,
        MARKET_SPACE: ExchangeRecord,
    }
