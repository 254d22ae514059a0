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
        self._log: deque[Placed] = deque(maxlen=RECENT_ORDERS_MAX)
        self._valued = 0

    def note(self, placed: Placed) -> None:
        """Remember an order."""
        self._log.append(placed)
        self._valued += placed.want.opens or self._lanes[placed.bot].instrument.is_spot

    def fill(self, book: AccountBook) -> None:
        """Put into a book what it remembers of orders that were let through."""
        book.trades.closes.extend(self.closes)
        for number, placed in enumerate(self._log):
            lane = self._lanes[placed.bot]
            book.recent.append(
                RecentOrder(
                    placed.at_ms,
                    lane.instrument.symbol,
                    placed.want.side,
                    PositionSide.NET,
                    placed.quantity,
                    placed.want.price,
                    f"{write_time(placed.at_ms)}-{number}",
                    lane.name,
                    lane.name,
                )
            )
        book.trades.notionals.extend(self._notionals())

    def _notionals(self) -> list[Decimal]:
        """Values of orders as an account remembers them: exits of perpetuals are left out, and they join in groups."""
        values = []
        for placed in self._log:
            instrument, want = self._lanes[placed.bot].instrument, placed.want
            if (want.opens or instrument.is_spot) and instrument.quote_currency in USD_CURRENCIES:
                price = placed.reference if want.price is None else want.price
                is_value = spent_by(want, instrument) is not None
                value = placed.quantity if is_value else instrument.notional_in_quote(placed.quantity, price)
                values.append(value)
        unseen = self._valued % NOTIONALS_AT_ONCE
        return values[: len(values) - unseen][-NOTIONALS_KEPT_MAX:]


def spent_by(want: Want, instrument: Instrument) -> Decimal | None:
    """What a spot buy at market spends, where its size says so; every other order is a quantity."""
    size = want.size
    if size is None or want.price is not None or want.side is Side.SELL or size.unit is not SizeUnit.QUOTE:
        return None
    return size.amount if instrument.is_spot else None
