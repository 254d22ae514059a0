"""One listed instrument: its book, its makers, its prices."""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from fairlead.core.model.instrument import InstrumentState
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.matching import OrderBook
from fairlead.simulator.dice import Dice
from fairlead.simulator.market_maker import MarketMaker
from fairlead.simulator.price_path import CandlePath, PricePath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fairlead.core.model.instrument import Instrument
    from fairlead.core.model.market import Candle
    from fairlead.simulator.rules import VenueRules

TAPE_LENGTH_MAX: Final = 500
# A step of the basis pulls back over this many steps (a minute at 250 ms).
_BASIS_PULL_STEPS: Final = 240
# The mark follows the middle's distance from the index with this weight per step.
_MARK_WEIGHT: Final = 16


class MarketRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What of a market survives a restart; quotes are made anew."""

    symbol: str
    mid_ticks: int
    index_ticks: int
    mark_distance: int
    last: Decimal
    trade_number: int
    basis_offset: int
    basis_dice: int
    maker_dice: int
    flow_dice: int


class PublicTrade(NamedTuple):
    """A trade as everybody sees it; ``side`` is the taker's."""

    number: int
    price: Decimal
    quantity: Decimal
    side: Side
    at_ms: int


class Market:
    """Book and prices of one instrument. Prices are whole ticks inside, Decimal outside."""

    def __init__(self, instrument: Instrument, rules: VenueRules, *, seed: int, start_price: Decimal) -> None:
        """List an instrument at a start price."""
        self.instrument = instrument
        self.book = OrderBook()
        self.band = rules.bands.get(instrument.symbol, rules.band_spot if instrument.is_spot else rules.band_perpetual)
        self.start_ticks = max(4, int(start_price / instrument.tick_size))
        self.spacing = max(1, int(self.start_ticks * rules.volatility))
        self.flow_dice = Dice.named(seed, f"flow {instrument.symbol}")
        self.maker_dice = Dice.named(seed, f"maker {instrument.symbol}")
        self.basis = PricePath(
            anchor=self.start_ticks,
            unit=0 if instrument.is_spot else self.spacing,
            pull_steps=_BASIS_PULL_STEPS,
            dice=Dice.named(seed, f"basis {instrument.symbol}"),
        )
        self.maker = MarketMaker(instrument, self.book, self.maker_dice, spacing=self.spacing, levels=rules.book_levels)
        lot_value = instrument.notional_in_quote(instrument.lot_size, start_price)
        self.level_lots = max(1, int(rules.level_notional / lot_value))
        self.maker.set_size(self.level_lots)
        self.candles: CandlePath | None = None
        self._replayed: Sequence[Candle] = ()
        self.fed_ticks: int | None = None
        self.trade_number = 0
        self.tape: deque[PublicTrade] = deque(maxlen=TAPE_LENGTH_MAX)
        self.mark_distance = 0
        self.mid_ticks = self.index_ticks = self.start_ticks
        self.last = self.start_ticks * instrument.tick_size
        self.last_low = self.last_high = self.last
        self.index = self.mark = self.last
        self._worst: dict[tuple[Side, Decimal], Decimal] = {}
        self.maker.requote(*self.maker.quote_range(self.mid_ticks))

    @property
    def symbol(self) -> str:
        """The instrument's name."""
        return self.instrument.symbol

    @property
    def is_live(self) -> bool:
        """Whether it takes orders."""
        return self.instrument.state is InstrumentState.LIVE

    @property
    def mid(self) -> Decimal:
        """The middle that the makers quote around."""
        return self.mid_ticks * self.instrument.tick_size

    def replay(self, candles: Sequence[Candle]) -> None:
        """Let the price follow candles instead of chance."""
        self._replayed = candles
        self.candles = CandlePath(candles, self.instrument.tick_size)

    def change_steps(self, instrument: Instrument) -> None:
        """Go on at the same prices with another tick or lot."""
        old, self.instrument = self.instrument.tick_size, instrument
        new = instrument.tick_size

        def in_new_ticks(ticks: int) -> int:
            return int(ticks * old / new)

        self.start_ticks = max(4, in_new_ticks(self.start_ticks))
        self.spacing = max(1, in_new_ticks(self.spacing))
        self.mid_ticks = max(2, in_new_ticks(self.mid_ticks))
        self.index_ticks = max(2, in_new_ticks(self.index_ticks))
        self.fed_ticks = None if self.fed_ticks is None else max(2, in_new_ticks(self.fed_ticks))
        self.mark_distance = in_new_ticks(self.mark_distance)
        self.basis.rescale(
            anchor=self.start_ticks,
            unit=0 if instrument.is_spot else self.spacing,
            offset=in_new_ticks(self.basis.offset),
        )
        if self.candles is not None:
            self.candles = CandlePath(self._replayed, new)
        self._worst = {}
        self.maker.regrid(instrument, spacing=self.spacing)
        self.maker.requote(*self.maker.quote_range(self.mid_ticks))

    def move(self, anchor: int, offset: int, now_ms: int, *, steps: int) -> None:
        """Take the next middle: fed from outside, replayed, or the walk of the base currency plus our own basis."""
        basis = self.basis.step() if steps == 1 else self.basis.jump(steps)
        if self.fed_ticks is not None:
            self.index_ticks = self.mid_ticks = self.fed_ticks
        elif self.candles is not None:
            self.index_ticks = self.mid_ticks = max(2, self.candles.ticks_at(now_ms))
        else:
            self.index_ticks = max(2, self.start_ticks * (anchor + offset) // anchor)
            self.mid_ticks = max(2, self.index_ticks + basis - self.basis.anchor)
        self._reprice()

    def _reprice(self) -> None:
        tick = self.instrument.tick_size
        distance = (self.mid_ticks - self.index_ticks) * _MARK_WEIGHT
        self.mark_distance += (distance - self.mark_distance) // _MARK_WEIGHT
        self.index = self.index_ticks * tick
        self.mark = (self.index_ticks + self.mark_distance // _MARK_WEIGHT) * tick

    def feed(self, price: Decimal) -> None:
        """Pin middle, index and mark to a price from outside, from now on."""
        self.fed_ticks = self.index_ticks = self.mid_ticks = max(2, int(price / self.instrument.tick_size))
        self.mark_distance = 0
        self._reprice()

    def note_trade(self, price: Decimal, quantity: Decimal, side: Side, at_ms: int) -> int:
        """Count a trade; returns its number, unique and rising per instrument."""
        self.trade_number += 1
        self.tape.append(PublicTrade(self.trade_number, price, quantity, side, at_ms))
        self.note_last(price)
        return self.trade_number

    def note_last(self, price: Decimal) -> None:
        """Take a price as the last one, and keep the range since the triggers looked."""
        self.last = price
        if price > self.last_high:
            self.last_high = price
        elif price < self.last_low:
            self.last_low = price

    def note_takeover(self) -> int:
        """Count a liquidation, which moves no price; returns its trade number."""
        self.trade_number += 1
        return self.trade_number

    def take_last_range(self) -> tuple[Decimal, Decimal]:
        """Lowest and highest trade since asked before."""
        seen = self.last_low, self.last_high
        self.last_low = self.last_high = self.last
        return seen

    def worst_price(self, side: Side) -> Decimal:
        """The band: the highest price a buy may have, the lowest a sell may have."""
        # Orders ask for it again and again while the index stands still.
        worst = self._worst.get((side, self.index))
        if worst is None:
            self._worst = {(one, self.index): self._band_edge(one) for one in Side}
            worst = self._worst[side, self.index]
        return worst

    def _band_edge(self, side: Side) -> Decimal:
        if side is Side.BUY:
            return self.instrument.round_price_down(self.index * (ONE + self.band))
        return max(self.instrument.tick_size, self.instrument.round_price_up(self.index * (ONE - self.band)))

    def touch(self, side: Side) -> Decimal:
        """Best price a taker of this side meets, or the mark when the book is empty there."""
        best = self.book.best_ask if side is Side.BUY else self.book.best_bid
        return self.mark if best is None else best

    def best(self, side: Side) -> tuple[Decimal, Decimal]:
        """Best price and quantity of a side of the book; zeros when it is empty."""
        levels = self.book.depth(side, 1)
        return levels[0] if levels else (ZERO, ZERO)

    def dump(self) -> MarketRecord:
        """Copy what survives a restart."""
        return MarketRecord(
            symbol=self.symbol,
            mid_ticks=self.mid_ticks,
            index_ticks=self.index_ticks,
            mark_distance=self.mark_distance,
            last=self.last,
            trade_number=self.trade_number,
            basis_offset=self.basis.offset,
            basis_dice=self.basis.dice_state,
            maker_dice=self.maker_dice.state,
            flow_dice=self.flow_dice.state,
        )

    def load(self, record: MarketRecord) -> None:
        """Continue where a dump was taken."""
        tick = self.instrument.tick_size
        self.mid_ticks, self.index_ticks = record.mid_ticks, record.index_ticks
        self.mark_distance = record.mark_distance
        self.index = self.index_ticks * tick
        self.mark = (self.index_ticks + self.mark_distance // _MARK_WEIGHT) * tick
        self.last = self.last_low = self.last_high = record.last
        self.trade_number = record.trade_number
        self.basis.resume(offset=record.basis_offset, dice_state=record.basis_dice)
        self.flow_dice.state = record.flow_dice
        self.maker_dice.state = record.maker_dice
        best = self.maker.quote_range(self.mid_ticks)
        self.maker.withdraw_crossing(*best)
        self.maker.requote(*best)
