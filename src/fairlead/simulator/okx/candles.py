"""Candles of one instrument: made of its trades, and before the exchange opened of what might have been."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ONE, ZERO
from fairlead.simulator.dice import Dice
from fairlead.simulator.market import PublicTrade
from fairlead.simulator.okx.bars import MINUTE_MS, bar_before, bar_open

MINUTES_KEPT_MAX: Final = 14_400
"""Ten days of minutes; what is older is told as what might have been."""

INVENTED_MAX: Final = 3_000
"""Bars of one size before the exchange opened."""

_SWING: Final = 200
_SWING_UNIT: Final = Decimal("0.00001")


class Bar(msgspec.Struct, kw_only=True):
    """One candle; ``volume`` in the instrument's own unit, ``turnover`` in quote currency."""

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    turnover: Decimal = ZERO

    def add(self, other: Bar) -> None:
        """Take a later bar into this one."""
        self.high = max(self.high, other.high)
        self.low = min(self.low, other.low)
        self.close = other.close
        self.volume += other.volume
        self.turnover += other.turnover


class Candles:
    """Minutes kept, larger bars made of them."""

    def __init__(self, instrument: Instrument, *, price: Decimal, now_ms: int, seed: int) -> None:
        """Begin at a price."""
        self._instrument = instrument
        self._seed = seed
        self._opened_ms = bar_open("1m", now_ms)
        self._first = price
        self._minutes: deque[Bar] = deque(maxlen=MINUTES_KEPT_MAX)
        self._minutes.append(self._flat(self._opened_ms, price))

    @property
    def newest(self) -> Bar:
        """The minute that is not over."""
        return self._minutes[-1]

    def note(self, trade: PublicTrade) -> None:
        """Take a trade in."""
        self.pass_time(trade.at_ms)
        price, quantity = trade.price, trade.quantity
        turnover = self._instrument.notional_in_quote(quantity, price)
        self.newest.add(
            Bar(open_ms=0, open=price, high=price, low=price, close=price, volume=quantity, turnover=turnover)
        )

    def pass_time(self, now_ms: int) -> None:
        """Begin the minutes up to now: without a trade a bar repeats the close before it (OKX API v5)."""
        open_ms = bar_open("1m", now_ms)
        first = max(self.newest.open_ms + MINUTE_MS, open_ms - MINUTES_KEPT_MAX * MINUTE_MS)
        for at_ms in range(first, open_ms + 1, MINUTE_MS):
            self._minutes.append(self._flat(at_ms, self.newest.close))

    def read(self, bar: str, now_ms: int, *, before_ms: int, count: int) -> list[Bar]:
        """The newest bars that begin before a moment, newest first; the first of all may not be over."""
        self.pass_time(now_ms)
        bars = [made for made in reversed(self._gather(bar)) if made.open_ms < before_ms][:count]
        if len(bars) < count:
            bars += self._invent(bar, before_ms=before_ms, count=count - len(bars))
        return bars

    def since(self, from_ms: int) -> Bar:
        """All trades from a moment on in one bar."""
        kept = [bar for bar in self._minutes if bar.open_ms >= from_ms] or [self.newest]
        whole = msgspec.structs.replace(kept[0])
        for bar in kept[1:]:
            whole.add(bar)
        return whole

    def _gather(self, bar: str) -> list[Bar]:
        if bar == "1m":
            return list(self._minutes)
        made: list[Bar] = []
        for minute in self._minutes:
            open_ms = bar_open(bar, minute.open_ms)
            if made and made[-1].open_ms == open_ms:
                made[-1].add(minute)
            else:
                made.append(msgspec.structs.replace(minute, open_ms=open_ms))
        return made

    def _invent(self, bar: str, *, before_ms: int, count: int) -> list[Bar]:
        # Nobody traded before the exchange opened. Each size of bar has a story of its own that ends in the first
        # price, always the same for a seed, so that whoever asks for history gets some.
        dice = Dice.named(self._seed, f"history {self._instrument.symbol} {bar}")
        open_ms, close = bar_open(bar, self._opened_ms), self._first
        bars: list[Bar] = []
        for _ in range(INVENTED_MAX):
            open_ms = bar_before(bar, open_ms)
            made = self._invent_one(dice, open_ms, close)
            close = made.open
            if open_ms < before_ms:
                bars.append(made)
            if len(bars) == count:
                break
        return bars

    def _invent_one(self, dice: Dice, open_ms: int, close: Decimal) -> Bar:
        instrument = self._instrument
        moved = [ONE + dice.between(-_SWING, _SWING) * _SWING_UNIT for _ in range(3)]
        opened, first, second = (max(instrument.tick_size, instrument.round_price_down(close * by)) for by in moved)
        volume = instrument.lot_size * dice.between(1, 1_000_000)
        return Bar(
            open_ms=open_ms,
            open=opened,
            high=max(opened, close, first, second),
            low=min(opened, close, first, second),
            close=close,
            volume=volume,
            turnover=instrument.notional_in_quote(volume, close),
        )

    def _flat(self, open_ms: int, price: Decimal) -> Bar:
        return Bar(open_ms=open_ms, open=price, high=price, low=price, close=price)
