"""A bot's day as stretches: within one, nothing but prices decided, so that a replay from its first state is like it.

A new one begins with each cycle, and wherever something came in that no candle tells: a person's word, newer settings,
a kill switch, a hand that closed. What a replay cannot know is an input here, never a difference.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model.bots.bot import BotOrder, BotState, BotStatus, Settings, Stimulus
from fairlead.core.model.bots.decision import Instruction, Want
from fairlead.core.model.bots.events import BotDecided, BotTerms
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.bots.ledger import fill_price

CLOSED_BY_OTHERS: Final = "closed_by_others"
OTHERS_SLOT: Final = "others"
_WORKS: Final = frozenset({BotStatus.RUNNING, BotStatus.FINISHED})


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """What one order filled, at its average price, and when that was heard of.

    ``value`` and ``fee_settle`` are in the settle currency, ``fee_base`` is what a spot buy paid in the coin. ``limit``
    is the price of the order (None: market). ``is_partial``: the order ended, or goes on, without all that it wanted.
    """

    cycle: int
    slot: str
    at_ms: int
    is_buy: bool
    opens: bool
    quantity: Decimal
    price: Decimal
    value: Decimal
    fee_base: Decimal = ZERO
    fee_settle: Decimal = ZERO
    limit: Decimal | None = None
    is_partial: bool = False


class LiveOrder(msgspec.Struct, kw_only=True):
    """One order of a bot as its decisions tell of it: from ``placed_ms`` until ``over_ms`` (0: it still rests).

    ``reason`` says why it ended when it did not do all that was asked, and was not taken back.
    """

    want: Want
    cycle: int
    placed_ms: int
    over_ms: int = 0
    heard_ms: int = 0
    quantity: Decimal = ZERO
    value: Decimal = ZERO
    fee_base: Decimal = ZERO
    fee_settle: Decimal = ZERO
    is_complete: bool = False
    reason: str = ""


class Stretch(msgspec.Struct, kw_only=True):
    """From ``begin_ms``, where the bot stood at ``state``, to ``end_ms``.

    ``is_last_of_cycle``: what a replay does later in the same cycle is compared, too. ``is_held_back``: the bot might
    not do what its rule wanted, so there is nothing to replay.
    """

    begin_ms: int
    end_ms: int
    state: BotState
    settings: Settings
    terms: BotTerms
    is_last_of_cycle: bool = True
    is_held_back: bool = False
    orders: dict[str, LiveOrder] = {}
    others: list[Trade] = []
    signals: list[tuple[int, str]] = []

    def trades(self) -> list[Trade]:
        """What was filled, as it was heard of."""
        instrument = self.terms.instrument
        filled = [_trade(order, instrument) for order in self.orders.values() if order.quantity]
        return sorted((*filled, *self.others), key=lambda one: one.at_ms)


class BotDay(msgspec.Struct, kw_only=True):
    """One bot's stretches, oldest first; ``heard`` are the prices that it decided at."""

    bot: str
    account_id: str
    symbol: str
    stretches: list[Stretch] = []
    heard: list[tuple[int, Decimal]] = []


class DayBook:
    """Follows one bot through its decisions of [``begin_ms``, ``end_ms``)."""

    def __init__(self, state: BotState, begin_ms: int, end_ms: int) -> None:
        """Begin without any decision; of ``state`` it matters whose it is."""
        self._begin_ms, self._end_ms = begin_ms, end_ms
        self._inputs: tuple[object, ...] = ()
        self.day = BotDay(bot=state.bot_id, account_id=state.account_id, symbol=state.symbol, stretches=[], heard=[])

    def stand(self, state: BotState, settings: Settings, terms: BotTerms) -> None:
        """The bot stood like this all the while, and decided nothing."""
        self._inputs = _inputs_of(state.status, _FREE)
        self._open(self._begin_ms, state, settings, terms)

    def take(self, before: BotState | None, decided: BotDecided, settings: Settings, terms: BotTerms) -> None:
        """Take a decision, made from a state by these settings and terms; None: it is the bot's first."""
        after, stimulus = decided.state, decided.stimulus
        known = before is not None and before.settings_version == after.settings_version
        if not self.day.heard and before is not None and known:
            self._inputs = _inputs_of(before.status, stimulus)
            self._open(self._begin_ms, before, settings, terms)
        day = self.day
        day.heard.append((decided.at_ms, stimulus.price))
        if day.stretches and before is not None:
            self._hear(day.stretches[-1], before, decided)
        inputs = _inputs_of(after.status, stimulus)
        if not day.stretches or before is None or self._is_new(before, decided, inputs, terms):
            self._end(decided)
            self._inputs = inputs
            self._open(decided.at_ms, after, settings, terms)
        else:
            _add_orders(day.stretches[-1], before, after, decided.at_ms)

    def _hear(self, stretch: Stretch, before: BotState, decided: BotDecided) -> None:
        """Book what was filled since the decision before, from the same sums as the bot did."""
        orders = {order.request_id: order for order in before.orders}
        for news in decided.stimulus.news:
            order, known = orders.get(news.request_id), stretch.orders.get(news.request_id)
            if order is None or known is None:
                continue
            if news.filled_quantity > order.filled_quantity:
                known.heard_ms = decided.at_ms
            known.quantity += news.filled_quantity - order.filled_quantity
            known.value += news.value - order.filled_value
            known.fee_base += news.fee_base - order.fee_base
            known.fee_settle += news.fee_settle - order.fee_settle
            if news.is_over:
                known.over_ms, known.is_complete = decided.at_ms, news.is_complete
                known.reason = "" if order.canceling_ms else news.reason
        for reason in decided.reasons:
            if reason.code == CLOSED_BY_OTHERS:
                numbers = dict(reason.numbers)
                stretch.others.append(_closed(before, numbers["gone"], numbers["price"], decided.at_ms, stretch.terms))
        signals = decided.stimulus.signals
        stretch.signals += [(decided.at_ms, text) for text in signals]

    def _is_new(self, before: BotState, decided: BotDecided, inputs: tuple[object, ...], terms: BotTerms) -> bool:
        after, command = decided.state, decided.stimulus.command
        is_word = command is not None and after.command != before.command
        return (
            (after.cycle, after.settings_version) != (before.cycle, before.settings_version)
            or is_word
            or inputs != self._inputs
            or terms != self.day.stretches[-1].terms
            or any(reason.code == CLOSED_BY_OTHERS for reason in decided.reasons)
        )

    def _end(self, decided: BotDecided) -> None:
        if not self.day.stretches:
            return
        last = self.day.stretches[-1]
        last.end_ms = decided.at_ms
        command = decided.stimulus.command
        is_close = command is not None and command.instruction in {Instruction.CLOSE, Instruction.CLOSE_STEP}
        last.is_last_of_cycle = decided.state.cycle > last.state.cycle and not is_close

    def _open(self, at_ms: int, state: BotState, settings: Settings, terms: BotTerms) -> None:
        stretch = Stretch(
            begin_ms=at_ms,
            end_ms=self._end_ms,
            state=state,
            settings=settings,
            terms=terms,
            is_held_back=self._inputs != _inputs_of(BotStatus.RUNNING, _FREE),
            orders={},
            others=[],
            signals=[],
        )
        for order in state.orders:
            stretch.orders[order.request_id] = _live(order, state.cycle)
        self.day.stretches.append(stretch)


_FREE: Final = Stimulus(at_ms=0, price=ZERO)


def _inputs_of(status: BotStatus, stimulus: Stimulus) -> tuple[object, ...]:
    """What decides beside prices: whether it works, and whether it may enter and add."""
    return (status in _WORKS, stimulus.wish, stimulus.may_enter, stimulus.may_add)


def _add_orders(stretch: Stretch, before: BotState, after: BotState, at_ms: int) -> None:
    for order in after.orders:
        if order.request_id not in stretch.orders:
            stretch.orders[order.request_id] = _live(order, after.cycle)
    left = {order.request_id for order in after.orders}
    for order in before.orders:
        known = stretch.orders.get(order.request_id)
        if known is not None and order.request_id not in left:
            known.over_ms = known.over_ms or at_ms


def _live(order: BotOrder, cycle: int) -> LiveOrder:
    return LiveOrder(want=order.want, cycle=cycle, placed_ms=order.placed_ms)


def _closed(before: BotState, gone: Decimal, price: Decimal, at_ms: int, terms: BotTerms) -> Trade:
    return Trade(
        cycle=before.cycle,
        slot=OTHERS_SLOT,
        at_ms=at_ms,
        is_buy=not before.deal.is_long,
        opens=False,
        quantity=gone,
        price=price,
        value=terms.instrument.notional(gone, price),
    )


def _trade(order: LiveOrder, instrument: Instrument) -> Trade:
    want = order.want
    return Trade(
        cycle=order.cycle,
        slot=want.slot,
        at_ms=order.heard_ms,
        is_buy=want.side is Side.BUY,
        opens=want.opens,
        quantity=order.quantity,
        price=fill_price(instrument, order.quantity, order.value),
        value=order.value,
        fee_base=order.fee_base,
        fee_settle=order.fee_settle,
        limit=want.price,
        is_partial=not order.is_complete,
    )
