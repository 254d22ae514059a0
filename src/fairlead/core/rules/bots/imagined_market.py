"""A market that exists only in a preview: carries out what one bot wants, at prices that it is told.

The bot's part is the one that runs live: ``take_step`` decides and ``write_requests`` names the requests. Only fills
are made up: an order is filled whole, at its price when the price comes to it, else at the last price.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.bot import BotOrder, BotState, BotStatus, Carried, OrderNews, Settings, Stimulus
from fairlead.core.model.bots.decision import BotCommand, Reason, Tripwire, Urgency, Want, WireKind
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.request import Enter, OrderRequest, Side, Size, SizeUnit
from fairlead.core.rules.bots.ladder import share_of, whole_lots
from fairlead.core.rules.bots.ledger import sellable
from fairlead.core.rules.bots.order_keeping import rest_of
from fairlead.core.rules.bots.requests import write_requests
from fairlead.core.rules.bots.rules import FindRule, Rule, no_rules
from fairlead.core.rules.bots.step import take_step
from fairlead.core.rules.margin import most_opened

ROUNDS_MAX: Final = 60
"""A bot that goes on placing and canceling at one price for longer than this never comes to rest."""

MOVES_MAX: Final = 2_000
STEP_MS: Final = 1_000


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What an order meets there: fees, leverage, and the cash that sizes in percent are of (None: not known).

    ``at_ms`` is when it begins; ``find_rule`` finds rules that somebody wrote.
    """

    fees: FeeRates
    at_ms: int = STEP_MS
    leverage: Decimal = ONE
    cash: Decimal | None = None
    find_rule: FindRule = no_rules

    def fee_rate(self, instrument: Instrument, *, is_maker: bool) -> Decimal:
        """Fraction of the value that a fill pays."""
        if instrument.is_spot:
            return self.fees.spot_maker if is_maker else self.fees.spot_taker
        return self.fees.perpetual_maker if is_maker else self.fees.perpetual_taker


class ImaginedFill(msgspec.Struct, frozen=True, kw_only=True):
    """One order filled; ``value`` and ``fee`` in the settle currency."""

    slot: str
    is_buy: bool
    opens: bool
    cycle: int
    price: Decimal
    quantity: Decimal
    value: Decimal
    fee: Decimal


class _Resting(msgspec.Struct):
    """One order on the imagined book."""

    order: BotOrder
    quantity: Decimal
    cycle: int
    filled: Decimal
    value: Decimal
    fee_base: Decimal
    fee_settle: Decimal
    is_over: bool = False

    @property
    def left(self) -> Decimal:
        return self.quantity - self.filled


class ImaginedMarket:
    """One bot and a price; ``state``, ``fills``, ``reasons`` and ``requests`` tell what became of it."""

    def __init__(self, settings: Settings, rule: Rule, instrument: Instrument, state: BotState, terms: Terms) -> None:
        """Take a bot as it stands, with the orders that it has resting."""
        self.state = state
        self.fills: list[ImaginedFill] = []
        self.reasons: list[Reason] = []
        self.requests: list[OrderRequest] = []
        self.wires: tuple[Tripwire, ...] = ()
        self.price = ZERO
        self._settings = settings
        self._rule = rule
        self._instrument = instrument
        self._terms = terms
        self.cycle = state.cycle
        self._now_ms = max(terms.at_ms, state.updated_ms)
        self._book = {order.request_id: self._taken_over(order) for order in state.orders}

    @property
    def exits(self) -> tuple[Decimal, ...]:
        """Where exits rest, nearest first; where the bot trails instead, from where."""
        resting = [one.order.want.price for one in self._book.values() if not one.order.want.opens]
        prices = [price for price in resting if price is not None]
        if not prices:
            kind = WireKind.AT_OR_ABOVE if self.state.deal.is_long else WireKind.AT_OR_BELOW
            prices = [wire.price for wire in self.wires if wire.urgency is Urgency.EXIT and wire.kind is kind]
        return tuple(sorted(prices, reverse=not self.state.deal.is_long))

    @property
    def entries(self) -> Iterator[tuple[Want, Decimal]]:
        """Entries that rest, each with what of it is not filled."""
        return ((one.order.want, one.left) for one in self._book.values() if one.order.want.opens)

    @property
    def resting_value(self) -> Decimal:
        """What its resting entries are worth, in the settle currency."""
        return sum((self._instrument.notional(left, want.price or self.price) for want, left in self.entries), ZERO)

    @property
    def is_over(self) -> bool:
        """Whether the cycle that it began with has ended."""
        return self.state.cycle > self.cycle or self.state.status in {BotStatus.FINISHED, BotStatus.STOPPED}

    def move(self, price: Decimal, *, command: BotCommand | None = None) -> None:
        """Let the price be this, fill what it touches, and let the bot react until it is quiet."""
        self._now_ms += STEP_MS if self.price else 0
        self.price = price
        for one in list(self._book.values()):
            if self._touches(one):
                self._fill(one, one.order.want.price or price, is_maker=True)
        for _ in range(ROUNDS_MAX):
            stimulus = Stimulus(at_ms=self._now_ms, price=price, news=self._news(), command=command)
            step = take_step(self.state, self._rule, self._instrument, stimulus)
            written = write_requests(step, self._settings, self._instrument, self._now_ms)
            self.state, command = written.state, None
            self.reasons += step.reasons
            self.requests += (one for one in written.requests if isinstance(one.intent, Enter))
            self.wires = step.wires
            placed = {order.serial for order in step.placed}
            canceled = {order.serial for order in step.canceled}
            for one in self._book.values():
                one.is_over = one.is_over or one.order.serial in canceled
            for order in self.state.orders:
                if order.serial in placed:
                    self._place(order)
            if not placed and not canceled:
                return

    def go_on(self, *, falls: bool) -> bool:
        """Let the price go to the nearest thing that waits for it on that side; False when nothing does."""
        ahead = [
            price for price in self._waited_for(falls=falls) if (price < self.price if falls else price > self.price)
        ]
        if not ahead:
            return False
        self.move(max(ahead) if falls else min(ahead))
        return True

    def _waited_for(self, *, falls: bool) -> Iterator[Decimal]:
        for want, _ in self.entries:
            if want.price is not None:
                yield want.price
        kind = WireKind.AT_OR_BELOW if falls else WireKind.AT_OR_ABOVE
        for wire in self.wires:
            if wire.kind is kind and wire.urgency is not Urgency.EXIT:
                yield wire.price

    def _taken_over(self, order: BotOrder) -> _Resting:
        want = order.want
        before = Carried(want.slot, want.size, order.before_quantity, order.before_quote, order.before_base)
        size = rest_of(want.size, before if order.before_quantity else None)
        held = sellable(self.state.deal, self._instrument)
        quantity = held if size is None else whole_lots(self._instrument, size, want.price or ONE)
        return _Resting(
            order=order,
            quantity=max(quantity, order.filled_quantity),
            cycle=self.state.cycle,
            filled=order.filled_quantity,
            value=order.filled_value,
            fee_base=order.fee_base,
            fee_settle=order.fee_settle,
        )

    def _place(self, order: BotOrder) -> None:
        want = order.want
        carried = next((one for one in self.state.carried if one.slot == want.slot and one.size == want.size), None)
        size = rest_of(want.size, carried)
        quantity = self._quantity(size, want.price or self.price, opens=want.opens)
        one = _Resting(order, quantity, self.state.cycle, ZERO, ZERO, ZERO, ZERO, is_over=not quantity)
        self._book[order.request_id] = one
        if self._touches(one):
            self._fill(one, self.price, is_maker=False)

    def _quantity(self, size: Size | None, price: Decimal, *, opens: bool) -> Decimal:
        if size is None:
            return self._instrument.round_quantity_down(self.state.deal.quantity)
        if size.unit is not SizeUnit.PERCENT:
            return whole_lots(self._instrument, size, price)
        if not opens:
            return share_of(size, self._instrument, self.state.deal.quantity)
        rate = self._terms.fee_rate(self._instrument, is_maker=False)
        most = most_opened(self._instrument, self._free(), price, self._terms.leverage, rate)
        return share_of(size, self._instrument, most)

    def _free(self) -> Decimal:
        """Cash that nothing of this bot uses."""
        spent = sum((one.value / self._terms.leverage + one.fee for one in self.fills if one.opens), ZERO)
        return max(ZERO, (self._terms.cash or ZERO) - spent - self.resting_value / self._terms.leverage)

    def _touches(self, one: _Resting) -> bool:
        price = one.order.want.price
        if one.is_over or not one.left:
            return False
        if price is None:
            return True
        return self.price <= price if one.order.want.side is Side.BUY else self.price >= price

    def _fill(self, one: _Resting, price: Decimal, *, is_maker: bool) -> None:
        instrument, want, quantity = self._instrument, one.order.want, one.left
        value = instrument.notional(quantity, price)
        rate = self._terms.fee_rate(instrument, is_maker=is_maker and want.price is not None)
        one.filled += quantity
        one.value += value
        # A spot buy pays its fee in the coin that it buys (OKX API v5).
        if instrument.is_spot and want.side is Side.BUY:
            one.fee_base += quantity * rate
        else:
            one.fee_settle += value * rate
        one.is_over = True
        self.fills.append(
            ImaginedFill(
                slot=want.slot,
                is_buy=want.side is Side.BUY,
                opens=want.opens,
                cycle=one.cycle,
                price=price,
                quantity=quantity,
                value=value,
                fee=value * rate,
            )
        )

    def _news(self) -> tuple[OrderNews, ...]:
        told = tuple(self._tell(one) for one in self._book.values())
        self._book = {name: one for name, one in self._book.items() if not one.is_over}
        return told

    def _tell(self, one: _Resting) -> OrderNews:
        is_complete = bool(one.quantity) and not one.left
        return OrderNews(
            request_id=one.order.request_id,
            is_over=one.is_over,
            is_complete=is_complete,
            order_ids=() if one.is_over else (one.order.request_id,),
            filled_quantity=one.filled,
            value=one.value,
            # What an inverse contract is worth in its quote currency depends on no price.
            quote=self._instrument.notional_in_quote(one.filled, ONE) if self._instrument.is_inverse else one.value,
            fee_base=one.fee_base,
            fee_settle=one.fee_settle,
            reason="" if is_complete else "canceled",
        )
