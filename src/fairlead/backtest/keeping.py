"""Makes what rests in a replay equal to what a rule wants, as ``core/rules/bots/order_keeping.py`` does live.

Here an answer comes at once: an order that is not wanted is gone, a new one rests, one that the account cannot carry is
refused. Waits between tries of what was refused are the live ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Protocol

import msgspec
import numpy as np

from fairlead.backtest.account import ReplayAccount, slipped
from fairlead.backtest.book import OrderBook, RestingOrder
from fairlead.backtest.result import Denial, Fill, OrderSpan
from fairlead.core.model.account import MarginMode
from fairlead.core.model.bots.bot import BotState, Trouble
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import SlotEnded, Want
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import Side, Size, SizeUnit
from fairlead.core.rules.bots.ladder import share_of, whole_lots
from fairlead.core.rules.bots.ledger import sellable
from fairlead.core.rules.bots.order_keeping import add_trouble, makes_order
from fairlead.core.rules.margin import most_opened
from fairlead.market.candles.series import CandleSeries, Ticks

REFUSED_FOR_FUNDS = "insufficient_balance"


class Funding(msgspec.Struct, frozen=True):
    """Funding of a perpetual: at each time longs pay shorts this fraction of their value; negative: they receive it."""

    at_ms: Ticks
    rates: Sequence[Decimal]


class Gate(Protocol):
    """Judges an order before it rests, and follows what is filled and what the account loses."""

    @property
    def may_enter(self) -> bool:
        """Whether anything may be opened at all."""
        ...

    def scaled(self, quantity: Decimal, instrument: Instrument) -> Decimal:
        """What losses have left of a quantity that opens."""
        ...

    def check(self, bot: int, want: Want, quantity: Decimal, at_ms: int) -> str:
        """Why it may not be, in words; empty when it may."""
        ...

    def hear(self, fill: Fill) -> None:
        """Hear of a fill before the bot's ledger does."""
        ...

    def follow(self, until_ms: int) -> None:
        """See the account's equity at every close until a time."""
        ...


class Placing(msgspec.Struct, frozen=True):
    """Everything that an order needs to be placed."""

    number: int
    instrument: Instrument
    series: CandleSeries
    leverage: Decimal = ONE
    margin_mode: MarginMode = MarginMode.CROSS
    funding: Funding | None = None
    gate: Gate | None = None


class Kept(msgspec.Struct, frozen=True):
    """What came of a wish: ``settled`` are wants that nothing can be ordered for, ``ended`` orders that are over."""

    settled: tuple[SlotEnded, ...] = ()
    ended: tuple[SlotEnded, ...] = ()


NOTHING: Final = Kept()


class ReplayKeeper:
    """The orders of one bot of a run."""

    def __init__(self, placing: Placing, account: ReplayAccount, book: OrderBook) -> None:
        """Keep this book."""
        self._placing = placing
        self._instrument = placing.instrument
        self._account = account
        self._book = book
        self._troubles: tuple[Trouble, ...] = ()
        self._funded_ms = placing.series.begin_ms

    def keep(self, wants: Sequence[Want], deal: Deal, price: Decimal, *, at_ms: int, first: int) -> Kept:
        """Compare, and do it; new orders can fill from candle ``first`` on."""
        book = self._book
        if not wants and not book.orders:
            return NOTHING
        settled = tuple(
            SlotEnded(want.slot, complete=False, reason="below_min_size")
            for want in wants
            if want.slot not in book.orders
            and want.size is not None
            and not makes_order(want.size, self._instrument, want.price or price)
        )
        if settled:
            return Kept(settled=settled)
        unwanted = book.unwanted(wants)
        free = None
        ended: list[SlotEnded] = []
        live = frozenset(book.orders)
        for want in wants:
            if want.slot in live or (want.alone and live) or self._waits(want.slot, at_ms):
                continue
            quantity = self._quantity(want, deal, price)
            if not want.opens and want.size is not None:
                free = self._unsold(deal) if free is None else free
                if quantity > free:
                    continue
                free -= quantity
            ended += self._place(want, quantity, price, at_ms=at_ms, first=first)
        ended += [self._cancel(one, at_ms) for one in unwanted]
        return Kept(ended=tuple(ended))

    def take_over(self, state: BotState, price: Decimal) -> None:
        """Let rest what rested, without what of it was filled; it can fill from the next candle on."""
        self._troubles = state.troubles
        for order in state.orders:
            want = order.want
            if order.canceling_ms:
                continue
            whole = self._quantity(want, state.deal, want.price or price)
            left = whole - order.before_quantity - order.filled_quantity if want.size is not None else whole
            if left > ZERO:
                is_buy = want.side is Side.BUY
                ticks = 0 if want.price is None else self._book.ticks_of(want.price, falls=is_buy)
                takes = want.price is None
                self._book.add(RestingOrder(want, left, want.price, ticks, 1, order.placed_ms, takes))

    def note_left(self, at_ms: int) -> None:
        """No more candles: what still rests did so until then."""
        for one in self._book.orders.values():
            self._log(one, at_ms, is_filled=False)

    @property
    def may_enter(self) -> bool:
        """Whether the account may open anything."""
        gate = self._placing.gate
        return gate is None or gate.may_enter

    def follow_losses(self, until_ms: int) -> list[SlotEnded]:
        """Let the gate see what has become of the account; a halt takes every entry back, as a kill switch does."""
        gate = self._placing.gate
        if gate is None:
            return []
        gate.follow(until_ms)
        if gate.may_enter:
            return []
        return [self._cancel(one, until_ms) for one in list(self._book.orders.values()) if one.want.opens]

    def slipped(self, one: RestingOrder, price: Decimal) -> Decimal:
        """What a market order gets at a price, on a tick and never better."""
        return slipped(price, self._account.terms.slippage, self._instrument, is_buy=one.want.side is Side.BUY)

    def begin_cycle(self) -> None:
        """A new deal begins with a clean slate."""
        self._troubles = ()

    def again_ms(self, now_ms: int) -> int:
        """When to try again what was refused; 0: nothing was."""
        if not self._troubles:
            return 0
        times = [one.again_ms for one in self._troubles if not one.is_given_up and one.again_ms > now_ms]
        return min(times, default=0)

    def hear(self, fill: Fill) -> None:
        """Tell the gate of a fill that is about to be booked."""
        if self._placing.gate is not None:
            self._placing.gate.hear(fill)

    def note_filled(self, one: RestingOrder, at_ms: int) -> None:
        """An order is done."""
        if self._troubles:
            self._troubles = tuple(trouble for trouble in self._troubles if trouble.slot != one.want.slot)
        self._log(one, at_ms, is_filled=True)

    def charge_funding(self, deal: Deal, until_ms: int) -> Decimal:
        """Pay or receive what was due since the last time, for what was held all the while."""
        funding, since_ms, self._funded_ms = self._placing.funding, self._funded_ms, until_ms
        if funding is None or not deal.quantity:
            return ZERO
        series = self._placing.series
        first, after = np.searchsorted(funding.at_ms, (since_ms, until_ms), side="right")
        paid = ZERO
        for number in range(int(first), int(after)):
            candle = max(0, int(np.searchsorted(series.opened_ms, funding.at_ms[number], side="right")) - 1)
            value = self._instrument.notional(deal.quantity, series.price(int(series.open[candle])))
            paid += value * funding.rates[number]
        added = -paid if deal.is_long else paid
        self._account.cash += added
        self._account.funding += added
        return added

    def _cancel(self, one: RestingOrder, at_ms: int) -> SlotEnded:
        self._book.remove(one)
        self._log(one, at_ms, is_filled=False)
        return SlotEnded(one.want.slot, complete=False, reason="canceled")

    def _place(self, want: Want, quantity: Decimal, price: Decimal, *, at_ms: int, first: int) -> tuple[SlotEnded, ...]:
        """Let it rest, or refuse it; a market order of nothing at all is settled before."""
        gate = self._placing.gate
        if want.opens and gate is not None:
            quantity = gate.scaled(quantity, self._instrument)
        why = self._refusal(want, quantity, want.price or price, at_ms)
        if why:
            self._account.denials.append(Denial(bot=self._placing.number, at_ms=at_ms, slot=want.slot, why=why))
            self._troubles = add_trouble(self._troubles, want, reason="denied", message=why, now_ms=at_ms)
            return (SlotEnded(want.slot, complete=False, reason="denied"),)
        is_buy = want.side is Side.BUY
        ticks = 0 if want.price is None else self._book.ticks_of(want.price, falls=is_buy)
        takes = want.price is None or (price <= want.price if is_buy else price >= want.price)
        self._book.add(RestingOrder(want, quantity, want.price, ticks, self._first(at_ms, first), at_ms, takes))
        return ()

    def _first(self, at_ms: int, first: int) -> int:
        latency_ms = self._account.terms.latency_ms
        if not latency_ms:
            return first
        return max(first, int(np.searchsorted(self._placing.series.opened_ms, at_ms + latency_ms)))

    def _refusal(self, want: Want, quantity: Decimal, price: Decimal, at_ms: int) -> str:
        value = self._instrument.notional(quantity, price)
        needed = value if self._instrument.is_spot else value / self._placing.leverage
        if want.opens and needed > self._account.free:
            return f"{REFUSED_FOR_FUNDS}: needs {needed.normalize():f}, free {self._account.free.normalize():f}"
        gate = self._placing.gate
        return "" if gate is None else gate.check(self._placing.number, want, quantity, at_ms)

    def _waits(self, slot: str, at_ms: int) -> bool:
        return bool(self._troubles) and any(
            one.slot == slot and (one.is_given_up or at_ms < one.again_ms) for one in self._troubles
        )

    def _quantity(self, want: Want, deal: Deal, price: Decimal) -> Decimal:
        size: Size | None = want.size
        if size is None:
            return self._instrument.round_quantity_down(deal.quantity)
        if size.unit is not SizeUnit.PERCENT:
            return whole_lots(self._instrument, size, want.price or price)
        if not want.opens:
            return share_of(size, self._instrument, deal.quantity)
        free, rate = self._account.free, self._account.fee_rate(self._instrument, is_maker=False)
        most = most_opened(self._instrument, free, want.price or price, self._placing.leverage, rate)
        return share_of(size, self._instrument, most)

    def _unsold(self, deal: Deal) -> Decimal:
        """What is held and no exit is for yet."""
        exits = (one.quantity for one in self._book.orders.values() if not one.want.opens and one.want.size is not None)
        return sellable(deal, self._instrument) - sum(exits, ZERO)

    def _log(self, one: RestingOrder, at_ms: int, *, is_filled: bool) -> None:
        if not self._account.keeps_orders or one.price is None:
            return
        want, number = one.want, self._placing.number
        is_buy = want.side is Side.BUY
        self._account.orders.append(
            OrderSpan(number, want.slot, is_buy, want.opens, one.price, one.placed_ms, at_ms, is_filled)
        )
