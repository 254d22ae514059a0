"""A bound on everything the risk checks look at: quick to compute, and never more generous than they are."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from fairlead.backtest.checks.risk_memory import BotLane
from fairlead.backtest.checks.risk_room import BOUNDLESS, Room
from fairlead.backtest.checks.risk_view import AccountNow
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import Side
from fairlead.core.model.trades import ClosedTrade
from fairlead.core.rules.account_book import RECENT_ORDERS_MAX
from fairlead.core.rules.risk_checks.blackouts import parse_blackout
from fairlead.core.rules.trade_log import CLOSES_KEPT_MAX

STEP: Final = Decimal("0.000002")
"""Distances to a liquidation are rounded down to a millionth before they are compared."""

HOLD_MOST: Final = Decimal(2)
"""No order holds as much as this many times its value."""


class Asked(NamedTuple):
    """An order that is asked for: what it is worth at the present price and at its own, and that price."""

    worth: Decimal
    value: Decimal
    price: Decimal


class Bound:
    """What was let through and may still be pending, summed up."""

    def __init__(self, lanes: Sequence[BotLane], rooms: Sequence[Room | None], length_ms: int) -> None:
        """Know of no order; a bot without a room is always refused an answer."""
        self._lanes = lanes
        self.rooms = rooms
        self._pace = _Pace(length_ms)
        # Pending entries by symbol, in dollars per unit of price; what they hold of the cash; lowest and highest exits.
        self._pending: dict[str, Decimal] = {}
        self._holds = ZERO
        self._exits: dict[str, tuple[Decimal, Decimal]] = {}
        self._decided: list[deque[int]] = [deque(maxlen=RECENT_ORDERS_MAX) for _ in lanes]
        self._least = BOUNDLESS
        self._lost: deque[int] = deque(maxlen=CLOSES_KEPT_MAX)
        self._stopped: dict[str, int] = {}

    def fits(self, bot: int, asked: Asked, now: AccountNow, at_ms: int) -> bool:
        """Whether no check could deny an entry; what it knows of pending orders is looked up when it is stale."""
        room = self.rooms[bot]
        if room is None or now.equity < ONE:
            return False
        if not now.resting:
            self._forget()
        if not self._is_paced(bot, room, asked, at_ms):
            return False
        if self._holds_all(bot, room, asked, now):
            return True
        if not now.resting:
            return False
        self._refresh(now)
        return self._holds_all(bot, room, asked, now)

    def keep(self, bot: int, asked: Asked, now: AccountNow, at_ms: int) -> None:
        """Count an entry as placed."""
        lane, room = self._lanes[bot], self.rooms[bot]
        symbol = lane.instrument.symbol
        self._pace.add(at_ms)
        self._least = min(self._least, asked.value)
        self._pending[symbol] = self._pending.get(symbol, ZERO) + asked.worth / now.prices[symbol]
        self._holds += (HOLD_MOST if room is None else room.hold) * asked.value
        decided = self._decided[bot]
        if room is not None and room.repeat_window_ms and (not decided or decided[-1] != at_ms):
            decided.append(at_ms)

    def keep_exit(self, bot: int, asked: Asked, at_ms: int) -> None:
        """Count an exit as placed."""
        self._pace.add(at_ms)
        instrument = self._lanes[bot].instrument
        if instrument.is_spot:
            self._least = min(self._least, asked.value)
        self._note_exit(instrument.symbol, asked.price)

    def note_close(self, closed: ClosedTrade) -> None:
        """Count a position that was closed, if it was with a loss or by a stop of the venue."""
        if closed.is_loss:
            self._lost.append(closed.at_ms)
        if closed.by_stop:
            self._stopped[closed.asset] = closed.at_ms

    def _holds_all(self, bot: int, room: Room, asked: Asked, now: AccountNow) -> bool:
        pending = sum((now.prices[symbol] * size for symbol, size in self._pending.items()), ZERO)
        worth = now.gross + pending + asked.worth
        if worth > room.share * now.equity:
            return False
        if asked.value > room.order_max or asked.value > room.order_share * now.equity:
            return False
        if now.resting + 1 > room.open_orders:
            return False
        free = min(now.cash, now.equity - now.gross if room.is_mixed else now.equity)
        if self._holds + room.hold * asked.value + room.margin * now.gross > free:
            return False
        symbol = self._lanes[bot].instrument.symbol
        price = now.prices[symbol]
        if not room.floor * price <= asked.price <= room.ceiling * price:
            return False
        exits = self._exits.get(symbol)
        if exits is not None and (asked.price >= exits[0] if room.side is Side.BUY else asked.price <= exits[1]):
            return False
        return not room.distance or _is_far(room, asked, now, worth, price)

    def _is_paced(self, bot: int, room: Room, asked: Asked, at_ms: int) -> bool:
        count = self._pace.count(at_ms)
        if max(self._pace.most, count + 1) > room.burst or count + 1 > room.symbol_burst:
            return False
        if room.has_duplicates and count:
            return False
        if room.fat_finger and asked.value > room.fat_finger * min(self._least, asked.value):
            return False
        if not self._is_rested(bot, room, at_ms):
            return False
        if room.repeat_window_ms and self._decisions(bot, at_ms, at_ms - room.repeat_window_ms) > room.repeats:
            return False
        return not any(_covers(text, at_ms) for text in room.blackouts)

    def _is_rested(self, bot: int, room: Room, at_ms: int) -> bool:
        """Whether no position that was closed keeps an entry waiting."""
        stopped_ms = self._stopped.get(self._lanes[bot].instrument.base_currency)
        if stopped_ms is not None and at_ms - stopped_ms < room.stop_pause_ms:
            return False
        if len(self._lost) < room.losses:
            return True
        return sum(at_ms - one < room.losses_window_ms for one in self._lost) < room.losses

    def _decisions(self, bot: int, at_ms: int, since_ms: int) -> int:
        """At how many moments since then it ordered, with this one: what it orders at once is one decision."""
        decided = self._decided[bot]
        while decided and decided[0] <= since_ms:
            decided.popleft()
        return len(decided) + (not decided or decided[-1] != at_ms)

    def _forget(self) -> None:
        self._pending.clear()
        self._exits.clear()
        self._holds = ZERO

    def _refresh(self, now: AccountNow) -> None:
        """Count again what is really pending."""
        self._forget()
        for one in now.picture().resting:
            instrument, room = self._lanes[one.bot].instrument, self.rooms[one.bot]
            symbol = instrument.symbol
            price = now.prices[symbol] if one.price is None else one.price
            if not one.opens:
                self._note_exit(symbol, price)
                continue
            size = one.quantity / price if one.in_quote else one.quantity * instrument.contract_value
            self._pending[symbol] = self._pending.get(symbol, ZERO) + size
            self._holds += (HOLD_MOST if room is None else room.hold) * size * price

    def _note_exit(self, symbol: str, price: Decimal) -> None:
        lowest, highest = self._exits.get(symbol, (price, price))
        self._exits[symbol] = min(lowest, price), max(highest, price)


class _Pace:
    """Counts orders that may lie within the length of one candle; ``most`` is the greatest count so far."""

    def __init__(self, length_ms: int) -> None:
        self.most = 0
        self._length_ms = length_ms
        self._start_ms = self._last_ms = -length_ms
        self._count = self._before = 0

    def count(self, at_ms: int) -> int:
        if at_ms - self._start_ms >= self._length_ms:
            self._before = self._count if at_ms - self._last_ms < self._length_ms else 0
            self._start_ms, self._count = at_ms, 0
        return self._before + self._count

    def add(self, at_ms: int) -> None:
        self.most = max(self.most, self.count(at_ms) + 1)
        self._count += 1
        self._last_ms = at_ms


def _covers(text: str, at_ms: int) -> bool:
    blackout = parse_blackout(text)
    return blackout is None or blackout.covers(at_ms)


def _is_far(room: Room, asked: Asked, now: AccountNow, worth: Decimal, price: Decimal) -> bool:
    """Whether the price at which the venue would take the position away is far enough, all of it filled.

    The farther the entry and the larger the position, the nearer it is; so the worst of each is taken.
    """
    if now.held and not now.entry_price:
        return False
    entries = (now.entry_price or price, asked.price, price)
    backing = now.cash * price / worth
    if room.side is Side.BUY:
        liquidation = (max(entries) - backing) / (ONE - room.keep_rate)
        return (price - liquidation) / price > room.distance + STEP
    liquidation = (min(entries) + backing) / (ONE + room.keep_rate)
    return (liquidation - price) / price > room.distance + STEP
