"""Replays a rule that somebody wrote as long as it answers plain targets, each reached by one order at the next open.

Nothing rests then and no price is waited for, so that only closes at which conditions change and those after a fill
matter. The rule is asked what the engine would ask it (``core/rules/bots/user_rule.py``), with the same ledger; a
property test holds both runs equal, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from fairlead.backtest.account import ReplayAccount, slipped, worth_of
from fairlead.backtest.book import OrderBook
from fairlead.backtest.deal_log import DealLog
from fairlead.backtest.result import Fill
from fairlead.backtest.schedule import Schedule
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import Direction
from fairlead.core.model.bots.user_rule import BarFacts, Target
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side, Size
from fairlead.core.rules.bots.ladder import whole_lots
from fairlead.core.rules.bots.ledger import average_price, sellable
from fairlead.core.rules.bots.user_rule import TARGET_SLOT
from fairlead.core.rules.bots.written_rule import Rule, View
from fairlead.core.rules.sizing import needs_price
from fairlead.market.candles.series import CandleSeries

SIZES_MAX: Final = 1_000
"""Sizes whose lots are remembered."""


class NeedsEngineError(Exception):
    """The run needs the engine: the rule wants more than a target, or an order may be refused."""


class Order(msgspec.Struct, frozen=True, gc=False):
    """A market order that fills at the next open; ``is_all`` closes whatever is held."""

    slot: str
    is_buy: bool
    quantity: Decimal
    is_all: bool = False


MayPlace: TypeAlias = Callable[[Order, Deal, Decimal, Decimal], bool]
"""Asked before an order: the order, what is held, the cash, and the price at the close."""


class TargetRun:
    """One run of one rule on a spot instrument, used once; what it did is in ``account`` and ``log``."""

    def __init__(self, rule: Rule, instrument: Instrument, series: CandleSeries, account: ReplayAccount) -> None:
        """Take what is replayed."""
        self.instrument = instrument
        self.series = series
        self.account = account
        self.log = DealLog(0)
        self.book = OrderBook(series.tick)
        self.funding: list[tuple[int, Decimal]] = []
        self.deal = Deal()
        self.price = ZERO
        self._decide = rule.decide
        self._names = frozenset(rule.conditions())
        self._opened_ms, self._opens = series.opened_ms.data, series.open.data
        self._rate = account.fee_rate(instrument, is_maker=False)
        self._buys_pay_coin = account.takes_coin(instrument, Side.BUY)
        self._lots: dict[Size, Decimal] = {}
        self._average = ZERO
        self._facts: BarFacts | None = None
        self._holding: frozenset[str] = frozenset()
        self._target: Target | None = None
        self._number = 0
        self._wanted = ZERO
        self._is_reached = True
        self._order: Order | None = None
        account.holders.append(self)

    @property
    def worth(self) -> Decimal:
        """What closing would add to cash, at the newest price that was seen."""
        return worth_of(self.deal, self.instrument, self.price)

    @property
    def bound(self) -> Decimal:
        """Nothing ever rests."""
        return ZERO

    def run(self, schedule: Schedule, may_place: MayPlace) -> None:
        """From the close of the first candle to that of the last.

        Raises:
            NeedsEngineError: as it says; what was replayed so far is void.
        """
        candles, told = schedule.candles, schedule.told
        closes, tick, last = self.series.close.data, self.series.tick, len(self.series)
        candle = place = 0
        while candle < last:
            happened = self._fill(candle) if self._order is not None else False
            self.price = closes[candle] * tick
            self.account.decisions += 1
            while place < len(candles) and candles[place] == candle:
                self._hear(told[place])
                happened, place = False, place + 1
            if happened and self._facts is not None:
                self._ask(self._facts, self._holding)
            if not self._is_reached:
                self._order = self._next(may_place)
            if self._order is not None:
                candle += 1
            else:
                candle = candles[place] if place < len(candles) else last
        self.price = closes[last - 1] * tick
        self.log.finish(self.deal, 1, self.instrument, self.price)

    def _hear(self, told: str | BarFacts) -> None:
        """Ask about a change of conditions."""
        if isinstance(told, str):
            raise NeedsEngineError
        before, self._facts = self._holding, told
        self._holding = frozenset(told.holds)
        self._ask(told, before)

    def _ask(self, facts: BarFacts, held_before: frozenset[str]) -> None:
        answer = self._decide(
            View(
                price=self.price,
                position=self.deal.quantity,
                average=self._average,
                holding=self._holding,
                held_before=held_before,
                names=self._names,
                values={name: Decimal(str(value)) for name, value in facts.values} if facts.values else {},
            )
        )
        if answer is None or answer == self._target:
            return
        if not isinstance(answer, Target) or not _is_plain(answer):
            raise NeedsEngineError
        self._target, self._is_reached = answer, False
        self._number += 1
        self._wanted = ZERO
        if answer.direction is Direction.LONG and answer.size is not None:
            self._wanted = self._lots_of(answer.size)

    def _lots_of(self, size: Size) -> Decimal:
        """A size at the last price; the same as before where the price makes no difference to it."""
        known = self._lots.get(size)
        if known is not None:
            return known
        lots = whole_lots(self.instrument, size, self.price)
        if not needs_price(self.instrument, size.unit) and len(self._lots) < SIZES_MAX:
            self._lots[size] = lots
        return lots

    def _next(self, may_place: MayPlace) -> Order | None:
        """The order that leads from what is held to the target; None, and it counts as reached, when none is needed."""
        deal, wanted, instrument = self.deal, self._wanted, self.instrument
        slot = f"{TARGET_SLOT}{self._number}"
        whole = sellable(deal, instrument) if deal.quantity else ZERO
        if whole and not wanted:
            order = Order(slot, is_buy=False, quantity=whole, is_all=True)
        else:
            # What is wanted is in whole lots.
            lots = instrument.round_quantity_down(wanted - deal.quantity) if wanted and deal.quantity else wanted
            if not lots or abs(lots) < instrument.quantity_min:
                self._is_reached = True
                return None
            order = Order(slot, is_buy=lots > ZERO, quantity=abs(lots))
            if not order.is_buy and order.quantity > whole:
                raise NeedsEngineError
        if not may_place(order, deal, self.account.cash, self.price):
            raise NeedsEngineError
        return order

    def _fill(self, candle: int) -> bool:
        """Fill what was ordered at the last close."""
        order, account, instrument = self._order, self.account, self.instrument
        assert order is not None
        price, quantity, rate = self._opens[candle] * self.series.tick, order.quantity, self._rate
        if account.terms.slippage:
            price = slipped(price, account.terms.slippage, instrument, is_buy=order.is_buy)
        value = instrument.notional(quantity, price)
        fill = Fill(
            0,
            candle,
            self._opened_ms[candle],
            order.slot,
            order.is_buy,
            order.is_buy,
            quantity,
            price,
            value,
            value * rate,
            cycle=1,
            is_maker=False,
            fee_base=quantity * rate if self._buys_pay_coin and order.is_buy else ZERO,
        )
        self.deal = account.execute(self.deal, fill, instrument)
        self.log.note(fill, self.deal)
        self._average = average_price(self.deal, instrument)
        self._order, self._is_reached = None, True
        return True


def _is_plain(target: Target) -> bool:
    return target.stop is None and target.take_profit is None and not target.ask_at
