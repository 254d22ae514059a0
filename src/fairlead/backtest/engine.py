"""Replays one bot on the candles of its instrument, from one candle that matters to the next.

Between two decisions nothing can happen but that a candle touches a resting order or a tripwire, that a time comes or a
signal holds; no other candle is looked at. What is decided at the close of a candle can fill from the next one on: a
buy at the lower of its price and the open when the low reaches it, a sell at the higher of both when the high does, a
market order at the open. A tripwire wakes the rule within its candle, at the price of the wire or at an open beyond it,
and what it then wants at once is filled there.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
import numpy as np
from msgspec.structs import replace

from fairlead.backtest.account import ReplayAccount, bound_by, worth_of
from fairlead.backtest.book import OrderBook, RestingOrder
from fairlead.backtest.deal_log import DealLog
from fairlead.backtest.keeping import Placing, ReplayKeeper
from fairlead.backtest.liquidation import LIQUIDATED, MarginWatch
from fairlead.backtest.result import Fill
from fairlead.backtest.schedule import Schedule
from fairlead.backtest.search import Search
from fairlead.backtest.spec import IntraBar
from fairlead.backtest.watching import Wires
from fairlead.core.model.bots.bot import BotState, BotStatus, Memory
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import Outcome, SlotEnded, Wake
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.bots.ledger import next_deal, sellable
from fairlead.core.rules.bots.rules import Rule
from fairlead.core.rules.bots.step import ASKED_MAX

ROUNDS_MAX: Final = 60
"""A bot that goes on placing and canceling at one moment for longer than this never comes to rest."""

TOUCHES_MAX: Final = 500
"""Fills and wakes of one bot within one candle."""


class Stage(msgspec.Struct, frozen=True):
    """What one bot is replayed on; with ``begins`` it goes on from there."""

    rule: Rule
    search: Search
    schedule: Schedule
    placing: Placing
    begins: BotState | None = None


class BotReplay:
    """One bot of one run. It is used once."""

    def __init__(self, stage: Stage, account: ReplayAccount) -> None:
        """Take what is replayed, and ask the rule at the close of the first candle."""
        self.stage = stage
        self._account = account
        self.instrument = stage.placing.instrument
        self.series = stage.placing.series
        series = stage.placing.series
        # Numbers out of memory are plain ones, and several times cheaper to read than those of an array.
        self._opened_ms, self._closed_ms = series.opened_ms.data, series.closed_ms.data
        self._opens, self._closes = series.open.data, series.close.data
        self._lows, self._highs = series.low.data, series.high.data
        self.memory: Memory = stage.rule.begin()
        self.deal = Deal()
        self.cycle = 1
        self.log = DealLog(stage.placing.number)
        self.funding: list[tuple[int, Decimal]] = []
        self.is_finished = False
        self.candle = 0
        self.book = OrderBook(self.series.tick)
        self._wires = Wires(self.book)
        self._keeper = ReplayKeeper(stage.placing, account, self.book)
        self._margin = MarginWatch(stage.placing, account)
        self._ended: list[SlotEnded] = []
        self.price = self.series.price(int(self.series.close[0]))
        account.holders.append(self)
        begins = stage.begins
        if begins is not None:
            self.memory, self.deal, self.cycle = begins.memory, begins.deal, begins.cycle
            self.is_finished = begins.status is BotStatus.FINISHED
            self._keeper.take_over(begins, self.price)
            self._ended = list(begins.ended)
        self._settle(0)

    @property
    def worth(self) -> Decimal:
        """What closing would add to cash, at the newest price that was seen."""
        return worth_of(self.deal, self.instrument, self.price)

    @property
    def bound(self) -> Decimal:
        """What the holding and resting entries bind."""
        entries = [(one.quantity, one.price or self.price) for one in self.book.orders.values() if one.want.opens]
        return bound_by(self.deal, self.instrument, entries, self.stage.placing.leverage)

    def next_candle(self) -> int:
        """The next candle in which something happens; the number of candles when nothing does any more."""
        if self.is_finished and not self.book.orders:
            return len(self.series)
        start, wires = self.candle + 1, self._wires
        market = self.book.first_market
        if market is not None and market <= start:
            return start
        buy, sell = max(self.book.best_buy, wires.below), min(self.book.best_sell, wires.above)
        found = self.stage.search(start, buy, sell)
        if market is not None:
            found = min(found, market)
        if wires.at_ms:
            due = int(np.searchsorted(self.series.closed_ms, wires.at_ms))
            found = min(found, max(due, start))
        return min(found, self.stage.schedule.next_candle(start, wires.awaited))

    def advance(self, candle: int) -> None:
        """Play a candle, and ask the rule at its close."""
        self.candle = candle
        self._charge_funding(self._opened_ms[candle])
        opened = self._opens[candle]
        self._ended += self._keeper.follow_losses(self._opened_ms[candle])
        self._see(opened)
        for one in self.book.markets(candle):
            self._fill(one, self._keeper.slipped(one, self.series.price(opened)), takes=True)
        if self._account.terms.intra_bar is IntraBar.PATH:
            self._play_path(candle)
        else:
            self._play_extremes(candle)
        self._settle(candle)

    def finish(self) -> None:
        """See the last close, and charge what is due until then."""
        self._charge_funding(self.series.end_ms)
        self._keeper.note_left(self.series.end_ms)
        self._see(int(self.series.close[-1]))
        self.log.finish(self.deal, self.cycle, self.instrument, self.price)

    def _charge_funding(self, until_ms: int) -> None:
        added = self._keeper.charge_funding(self.deal, until_ms)
        if added:
            self.funding.append((self.candle, added))
            self.log.note_funding(added)

    def _see(self, ticks: int) -> None:
        self.price = self.series.price(ticks)

    def _settle(self, candle: int) -> None:
        """Ask the rule at the close of a candle."""
        self._see(self._closes[candle])
        self._ended += self._keeper.follow_losses(self._closed_ms[candle])
        signals = self.stage.schedule.signals(candle, self._wires.awaited)
        self._decide(candle, candle + 1, signals)

    def _play_extremes(self, candle: int) -> None:
        opened, low, high = self._opens[candle], self._lows[candle], self._highs[candle]
        if not self.book.is_touched(low, high) and self._wires.below < low and self._wires.above > high:
            return
        exits_first = self._account.terms.intra_bar is IntraBar.EXIT_FIRST
        entered = False
        if not exits_first:
            # What the open is beyond already was filled there, whatever came after.
            at_open = self.book.touched(candle, opened, opened)
            self._fill_all(at_open, opened)
            if at_open and not sellable(self.deal, self.instrument):
                return
            entered = any(one.want.opens for one in at_open)
        touched = self.book.touched(candle, low, high)
        entries = [one for one in touched if one.want.opens]
        exits = [one for one in touched if not one.want.opens]
        if exits_first:
            self._fill_all(exits, opened)
            if exits and not sellable(self.deal, self.instrument):
                return
        self._fill_all(entries, opened)
        if entries or entered:
            self._margin.watch(self._wires, self.deal, self.worth)
        woken = self._follow_wires(candle, opened, low, high)
        if not (exits_first or entries or entered or woken):
            self._fill_all(exits, opened)

    def _fill_all(self, orders: list[RestingOrder], opened: int) -> None:
        for one in orders:
            if self.book.holds(one):
                self._fill_resting(one, opened)

    def _follow_wires(self, candle: int, opened: int, low: int, high: int) -> bool:
        """Wake the rule where the candle touched what it waits for: first on the side that hurts."""
        falls_first = self.deal.is_long if self.deal.quantity else self._closes[candle] < opened
        woken = False
        for falls in (falls_first, not falls_first):
            extreme, before = (low if falls else high), None
            for turn in range(TOUCHES_MAX):
                wire = self._wires.touched(falls=falls, until=extreme)
                if wire is None or wire == before:
                    break
                before = wire
                at = min(opened, wire) if falls else max(opened, wire)
                # What moves along with the price need not be followed tick by tick, but fills where it began to.
                self._wake(candle, at if turn == 0 else extreme, fills_at=at)
                woken = True
        return woken

    def _play_path(self, candle: int) -> None:
        """Go along the candle, asking at each touch; which extreme came first is what its close tells."""
        opened, closed = self._opens[candle], self._closes[candle]
        low, high = self._lows[candle], self._highs[candle]
        at = opened
        if self._ended:
            self._wake(candle, at, fills_at=at)
        for target in (low, high, closed) if closed >= opened else (high, low, closed):
            falls = target < at
            before = None
            for _ in range(TOUCHES_MAX):
                one = _nearest(self.book.touched(candle, min(at, target), max(at, target)), at)
                wire = self._wires.touched(falls=falls, until=target)
                if one is None and (wire is None or wire == before):
                    break
                first = one is not None and (wire is None or wire == before or _is_before(one.ticks, wire, falls))
                if first and one is not None:
                    at = _toward(at, one.ticks, falls)
                    self._fill_resting(one, at)
                else:
                    assert wire is not None
                    before, at = wire, _toward(at, wire, falls)
                self._wake(candle, at, fills_at=at)
            at = target

    def _wake(self, candle: int, ticks: int, *, fills_at: int) -> None:
        """Ask the rule within a candle, and fill what it wants at once."""
        self._see(ticks)
        if self._wires.is_doomed(ticks):
            self._liquidate()
        is_path = self._account.terms.intra_bar is IntraBar.PATH
        self._decide(candle, candle if is_path else candle + 1, ())
        for _ in range(TOUCHES_MAX):
            markets = self.book.markets(candle + 1)
            marketable = [] if is_path else [one for one in self.book.marketable(ticks) if one.takes]
            if not markets and not marketable:
                return
            for one in markets:
                self._fill(one, self._keeper.slipped(one, self.series.price(fills_at)), takes=True)
            for one in marketable:
                assert one.price is not None
                self._fill(one, _better(one, self.series.price(fills_at)), takes=True)
            self._decide(candle, candle if is_path else candle + 1, ())

    def _liquidate(self) -> None:
        """Lose the position, as the venue closes it; the rule finds that others have closed what it held."""
        deal, price = self.deal, self._margin.closing_price(self.deal, self.worth)
        quantity, price = deal.quantity, price or self.price
        value = self.instrument.notional(quantity, price)
        at_ms = self._opened_ms[self.candle]
        closes = (self.candle, at_ms, LIQUIDATED, not deal.is_long, False)
        fill = Fill(self.stage.placing.number, *closes, quantity, price, value, ZERO, self.cycle, is_maker=False)
        self._keeper.hear(fill)
        after = self._account.execute(deal, fill, self.instrument)
        self.deal = replace(after, lost=after.lost + quantity)
        self.log.note(fill, self.deal)
        self._wires.fear(None, falls=True)
        self._account.is_liquidated = True

    def _fill_resting(self, one: RestingOrder, opened: int) -> None:
        assert one.price is not None
        beyond = opened <= one.ticks if one.want.side is Side.BUY else opened >= one.ticks
        price = _better(one, self.series.price(opened)) if beyond else one.price
        self._fill(one, price, takes=one.takes)

    def _fill(self, one: RestingOrder, price: Decimal, *, takes: bool) -> None:
        want, instrument = one.want, self.instrument
        self.book.remove(one)
        quantity = one.quantity
        if want.size is None:
            quantity = min(quantity, instrument.round_quantity_down(self.deal.quantity)) or quantity
        rate = self._account.fee_rate(instrument, is_maker=not takes)
        value = instrument.notional(quantity, price)
        fill = Fill(
            self.stage.placing.number,
            self.candle,
            self._opened_ms[self.candle],
            want.slot,
            want.side is Side.BUY,
            want.opens,
            quantity,
            price,
            value,
            value * rate,
            self.cycle,
            not takes,
            quantity * rate if self._account.takes_coin(instrument, want.side) else ZERO,
        )
        self._keeper.hear(fill)
        self.deal = self._account.execute(self.deal, fill, instrument)
        self.log.note(fill, self.deal)
        self._keeper.note_filled(one, fill.at_ms)
        self._ended.append(SlotEnded(want.slot, complete=True, price=price, quantity=quantity, fee_base=fill.fee_base))

    def _decide(self, candle: int, first: int, signals: tuple[str, ...]) -> None:
        """Ask until nothing more is to be told: what rests afterwards can fill from candle ``first`` on."""
        at_ms = self._closed_ms[candle]
        for _ in range(ROUNDS_MAX):
            told, self._ended = tuple(self._ended), []
            if not self._step(at_ms, first, told, signals):
                return
            signals = ()

    def _step(self, at_ms: int, first: int, ended: tuple[SlotEnded, ...], signals: tuple[str, ...]) -> bool:
        """Let the rule answer, and make its wish so; True when orders ended by that, which it has not been told of."""
        keeper = self._keeper
        for _ in range(ASKED_MAX):
            wake = Wake(
                at_ms, self.price, keeper.may_enter, len(self.book.orders), ended, signals, None, self.book.told()
            )
            decision = self.stage.rule.decide(self.memory, self.deal, wake)
            self._account.decisions += 1
            self.memory = decision.memory
            if decision.outcome is Outcome.CYCLE_ENDED:
                self._end_cycle(at_ms, decision.reason.code)
                ended = ()
                continue
            if decision.outcome is Outcome.FINISHED and not self.is_finished:
                self._end_cycle(at_ms, decision.reason.code)
                self.is_finished = True
            wants = () if self.is_finished else decision.wants
            kept = keeper.keep(wants, self.deal, self.price, at_ms=at_ms, first=first)
            if not kept.settled:
                self._wires.watch(decision.wires, keeper.again_ms(at_ms))
                if not self.instrument.is_spot:
                    self._margin.watch(self._wires, self.deal, self.worth)
                self._ended += kept.ended
                return bool(kept.ended)
            ended = kept.settled
        self._wires.watch((), at_ms)
        return False

    def _end_cycle(self, at_ms: int, why: str) -> None:
        self.log.end(self.deal, self.cycle, at_ms, why)
        self.deal = next_deal(self.deal)
        self.cycle += 1
        self._keeper.begin_cycle()


def _nearest(touched: list[RestingOrder], at: int) -> RestingOrder | None:
    return min(touched, key=lambda one: abs(one.ticks - at), default=None)


def _is_before(ticks: int, wire: int, falls: bool) -> bool:  # noqa: FBT001 (which way the price goes)
    return ticks >= wire if falls else ticks <= wire


def _toward(at: int, ticks: int, falls: bool) -> int:  # noqa: FBT001 (which way the price goes)
    """Where the price is when it has gone on to this; it never goes back."""
    return min(at, ticks) if falls else max(at, ticks)


def _better(one: RestingOrder, price: Decimal) -> Decimal:
    assert one.price is not None
    return min(one.price, price) if one.want.side is Side.BUY else max(one.price, price)
