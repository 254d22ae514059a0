"""What the risk checks remember: the last orders, what they were worth, and how positions were closed."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.bots.decision import Want
from fairlead.core.model.ids import write_time
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import USD_CURRENCIES
from fairlead.core.model.request import Side, SizeUnit
from fairlead.core.model.trades import ClosedTrade
from fairlead.core.rules.account_book import RECENT_ORDERS_MAX, AccountBook, RecentOrder
from fairlead.core.rules.trade_log import CLOSES_KEPT_MAX, NOTIONALS_AT_ONCE, NOTIONALS_KEPT_MAX


class BotLane(NamedTuple):
    """What is fixed about the orders of a bot."""

    name: str
    instrument: Instrument
    leverage: Decimal
    margin_mode: MarginMode


class Placed(NamedTuple):
    """An order that was let through: ``quantity`` as it was ordered, ``reference`` the price of that moment."""

    at_ms: int
    bot: int
    want: Want
    quantity: Decimal
    reference: Decimal


class Memory:
    """Orders that were let through and positions that were closed, as many as an account remembers."""

    def __init__(self, lanes: Sequence[BotLane]) -> None:
        """Remember nothing."""
        self.closes: deque[ClosedTrade] = deque(maxlen=CLOSES_KEPT_MAX)
        self._lanes = lanes
        self._recent: deque[RecentOrder] = deque(maxlen=RECENT_ORDERS_MAX)
        self._count = 0
        self._values: deque[Decimal] = deque(maxlen=NOTIONALS_KEPT_MAX)
        self._fresh: deque[Decimal] = deque(maxlen=NOTIONALS_AT_ONCE)

    def note(self, placed: Placed) -> None:
        """Remember an order."""
        lane, want = self._lanes[placed.bot], placed.want
        instrument, name = lane.instrument, lane.name
        self._count += 1
        self._recent.append(
            RecentOrder(
                placed.at_ms,
                instrument.symbol,
                want.side,
                PositionSide.NET,
                placed.quantity,
                want.price,
                f"{write_time(placed.at_ms)}-{self._count}",
                name,
                name,
            )
        )
        if (want.opens or instrument.is_spot) and instrument.quote_currency in USD_CURRENCIES:
            self._note_value(placed, instrument)

    def fill(self, book: AccountBook) -> None:
        """Put into a book what it remembers."""
        book.recent.extend(self._recent)
        book.trades.closes.extend(self.closes)
        book.trades.notionals.extend(self._values)

    def _note_value(self, placed: Placed, instrument: Instrument) -> None:
        """Remember what an order is worth; as live, values join in groups, and exits of perpetuals are left out."""
        want = placed.want
        price = placed.reference if want.price is None else want.price
        is_value = spent_by(want, instrument) is not None
        self._fresh.append(placed.quantity if is_value else instrument.notional_in_quote(placed.quantity, price))
        if len(self._fresh) == NOTIONALS_AT_ONCE:
            self._values.extend(self._fresh)
            self._fresh.clear()


def spent_by(want: Want, instrument: Instrument) -> Decimal | None:
    """What a spot buy at market spends, where its size says so; every other order is a quantity."""
    size = want.size
    if size is None or want.price is not None or want.side is Side.SELL or size.unit is not SizeUnit.QUOTE:
        return None
    return size.amount if instrument.is_spot else None
