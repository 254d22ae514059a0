"""Carries out what one bot wants, price by price, in memory: enough of an exchange to watch a rule live."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from msgspec.structs import replace

from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.bot import BotOrder, BotState, OrderNews, Settings, Stimulus, Wish
from fairlead.core.model.bots.decision import BotCommand, Reason
from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.core.rules.bots.ladder import whole_lots
from fairlead.core.rules.bots.order_keeping import rest_of
from fairlead.core.rules.bots.rules import make_rule
from fairlead.core.rules.bots.step import Step, take_step

SPOT = Instrument(
    symbol="BTC-USDT",
    kind=InstrumentKind.SPOT,
    base_currency="BTC",
    quote_currency="USDT",
    settle_currency="USDT",
    tick_size=Decimal("0.01"),
    lot_size=Decimal("0.000001"),
    quantity_min=Decimal("0.00001"),
    limit_quantity_max=Decimal(10_000),
    market_quantity_max=Decimal(10_000),
)
NO_FEES = FeeRates(spot_maker=ZERO, spot_taker=ZERO, perpetual_maker=ZERO, perpetual_taker=ZERO)


@dataclass
class Placed:
    """One order at the toy exchange."""

    order: BotOrder
    quantity: Decimal
    filled: Decimal = ZERO
    value: Decimal = ZERO
    fee_base: Decimal = ZERO
    fee_settle: Decimal = ZERO
    is_over: bool = False


@dataclass
class ToyExchange:
    """One bot and its market. ``fee_in_base``: buys pay their fee in the coin."""

    settings: Settings
    instrument: Instrument = SPOT
    fee: Decimal = ZERO
    fee_in_base: bool = False
    price: Decimal = ZERO
    now_ms: int = 1_000
    may_enter: bool = True
    wish: Wish = Wish.RUN
    refuses: set[str] = field(default_factory=set)
    book: dict[str, Placed] = field(default_factory=dict)
    history: list[Placed] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    last: Step | None = None

    def __post_init__(self) -> None:
        """Make the rule and its first state."""
        self.rule = make_rule(self.settings, self.instrument, FeeRates(spot_taker=self.fee, spot_maker=self.fee))
        self.state = BotState(
            bot_id="bot", tenant="me", account_id="a", symbol=self.instrument.symbol, memory=self.rule.begin()
        )

    def walk(self, prices: Iterable[str | Decimal]) -> None:
        """Let the price go through these."""
        for price in prices:
            self.move(Decimal(price))

    def move(self, price: Decimal, *, part: Decimal | None = None) -> None:
        """Set the price, fill what it touches (at most ``part`` of each), and let the bot react until it is quiet."""
        self.price = price
        self.now_ms += 1_000
        for one in list(self.book.values()):
            if self._touches(one):
                self.fill(one, one.quantity - one.filled if part is None else part, one.order.want.price or price)
        self.ask()

    def ask(self, *, signals: tuple[str, ...] = (), command: BotCommand | None = None) -> Step:
        """Let the bot hear what happened; again until it does nothing more."""
        for _ in range(20):
            step = take_step(
                self.state,
                self.rule,
                self.instrument,
                Stimulus(
                    at_ms=self.now_ms,
                    price=self.price,
                    may_enter=self.may_enter,
                    wish=self.wish,
                    news=self.news(),
                    signals=signals,
                    command=command,
                ),
            )
            signals, command = (), None
            self._carry_out(step)
            if not step.placed and not step.canceled and not self._has_news():
                return step
        raise AssertionError("the bot never comes to rest")

    def news(self) -> tuple[OrderNews, ...]:
        """How every order of the bot stands."""
        told = tuple(self._news(one) for one in self.book.values())
        self.book = {name: one for name, one in self.book.items() if not one.is_over}
        return told

    def cancel_by_hand(self, slot: str) -> None:
        """Somebody takes the order of a slot back."""
        self.resting(slot).is_over = True

    def resting(self, slot: str) -> Placed:
        """The open order of a slot."""
        return next(one for one in self.book.values() if one.order.want.slot == slot)

    @property
    def slots(self) -> dict[str, str]:
        """What rests: price by slot."""
        return {one.order.want.slot: str(one.order.want.price) for one in self.book.values()}

    def fill(self, one: Placed, quantity: Decimal, price: Decimal) -> None:
        """Execute a part of an order."""
        value = self.instrument.notional(quantity, price)
        one.filled += quantity
        one.value += value
        if self.fee_in_base and one.order.want.side is Side.BUY:
            one.fee_base += quantity * self.fee
        else:
            one.fee_settle += value * self.fee
        one.is_over = one.filled >= one.quantity

    def _touches(self, one: Placed) -> bool:
        price = one.order.want.price
        if price is None:
            return True
        return self.price <= price if one.order.want.side is Side.BUY else self.price >= price

    def _carry_out(self, step: Step) -> None:
        self.last = step
        self.reasons += step.reasons
        canceled = {order.serial for order in step.canceled}
        for one in self.book.values():
            if one.order.serial in canceled:
                one.is_over = True
        placed = {order.serial: self._place(order) for order in step.placed}
        self.state = replace(step.state, orders=tuple(placed.get(order.serial, order) for order in step.state.orders))

    def _place(self, order: BotOrder) -> BotOrder:
        order = replace(order, request_id=f"r{order.serial}")
        want = order.want
        carried = next((one for one in self.state.carried if one.slot == want.slot and one.size == want.size), None)
        size = rest_of(want.size, carried)
        held = self.instrument.round_quantity_down(self.state.deal.quantity)
        quantity = held if size is None else whole_lots(self.instrument, size, want.price or self.price)
        one = Placed(order, quantity)
        self.book[order.request_id] = one
        self.history.append(one)
        if want.slot in self.refuses:
            one.is_over = True
        elif self._touches(one):
            self.fill(one, quantity, self.price)
        return order

    def _news(self, one: Placed) -> OrderNews:
        return OrderNews(
            request_id=one.order.request_id,
            is_over=one.is_over,
            is_complete=one.filled >= one.quantity,
            order_ids=() if one.is_over else (one.order.request_id,),
            filled_quantity=one.filled,
            value=one.value,
            quote=one.value,
            fee_base=one.fee_base,
            fee_settle=one.fee_settle,
            reason="" if one.filled >= one.quantity else "refused",
        )

    def _has_news(self) -> bool:
        known = {order.request_id: order for order in self.state.orders}
        return any(
            one.is_over or one.filled != known[name].filled_quantity or not known[name].order_ids
            for name, one in self.book.items()
            if name in known
        )
