"""Carries out what one bot wants, price by price, in memory: enough of an exchange to watch a rule live."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from msgspec.structs import replace

from fairlead.core.model.account import FeeRates
from fairlead.core.model.bots.bot import BotOrder, BotState, OrderNews, Settings, Stimulus, Wish
from fairlead.core.model.bots.decision import BotCommand, Instruction, Reason, WireKind
from fairlead.core.model.bots.martingale import MartingaleMemory
from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.request import Side, Size, SizeUnit
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
LINEAR = replace(
    SPOT,
    symbol="BTC-USDT-SWAP",
    kind=InstrumentKind.LINEAR_PERPETUAL,
    lot_size=Decimal(1),
    quantity_min=Decimal(1),
    contract_value=Decimal("0.001"),
    leverage_max=Decimal(10),
)
INVERSE = replace(
    LINEAR,
    symbol="BTC-USD-SWAP",
    kind=InstrumentKind.INVERSE_PERPETUAL,
    quote_currency="USD",
    settle_currency="BTC",
    contract_value=Decimal(1),
)
NO_FEES = FeeRates(spot_maker=ZERO, spot_taker=ZERO, perpetual_maker=ZERO, perpetual_taker=ZERO)
ROUNDS_MAX = 30


@dataclass
class Placed:
    """One order at the toy exchange; ``asked_at`` is the price that its quantity was computed at."""

    order: BotOrder
    quantity: Decimal
    cycle: int = 1
    asked_at: Decimal = ZERO
    filled: Decimal = ZERO
    value: Decimal = ZERO
    fee_base: Decimal = ZERO
    fee_settle: Decimal = ZERO
    fills: list[Decimal] = field(default_factory=list)
    is_over: bool = False
    is_canceling: bool = False

    @property
    def slot(self) -> str:
        """Which want it serves."""
        return self.order.want.slot

    @property
    def leaves(self) -> Decimal:
        """What may still be filled."""
        return ZERO if self.is_over else self.quantity - self.filled


@dataclass
class ToyExchange:
    """One bot and its market.

    ``fee_in_base``: buys pay their fee in the coin. ``late_cancels``: an order that is taken back may fill once more.
    ``at_once`` is the part of a market order that finds somebody; the rest waits for the next price. ``lost`` is what
    others closed.
    """

    settings: Settings
    instrument: Instrument = SPOT
    fee: Decimal = ZERO
    fee_in_base: bool = False
    late_cancels: bool = False
    at_once: Decimal = ONE
    cash: Decimal = Decimal(10_000)
    price: Decimal = ZERO
    now_ms: int = 1_000
    may_enter: bool = True
    wish: Wish = Wish.RUN
    refuses: set[str] = field(default_factory=set)
    book: dict[str, Placed] = field(default_factory=dict)
    history: list[Placed] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)
    heard: list[tuple[BotState, Stimulus, Step]] = field(default_factory=list)
    lost: Decimal = ZERO
    commands: int = 0
    last: Step | None = None

    def __post_init__(self) -> None:
        """Make the rule and its first state."""
        rates = FeeRates(spot_taker=self.fee, spot_maker=self.fee, perpetual_maker=self.fee, perpetual_taker=self.fee)
        self.rule = make_rule(self.settings, self.instrument, rates)
        self.state = BotState(
            bot_id="bot", tenant="me", account_id="a", symbol=self.instrument.symbol, memory=self.rule.begin()
        )

    def walk(self, prices: Iterable[str | Decimal]) -> None:
        """Let the price go through these."""
        for price in prices:
            self.move(Decimal(price))

    def move(self, price: Decimal, *, part: Decimal | None = None, wait_ms: int = 1_000) -> None:
        """Set the price, fill what it touches (at most ``part`` of each), and let the bot react until it is quiet."""
        self.trade(price, part=part, wait_ms=wait_ms)
        self.ask()

    def trade(
        self, price: Decimal, *, part: Decimal | None = None, fraction: Decimal = ONE, wait_ms: int = 1_000
    ) -> None:
        """Set the price and fill what it touches, at most ``part`` or a fraction of each, without telling the bot."""
        self.price = price
        self.now_ms += wait_ms
        for one in list(self.book.values()):
            if self._touches(one):
                some = one.leaves if fraction == ONE else self._lots(one.leaves * fraction)
                self.fill(one, some if part is None else min(part, one.leaves), one.order.want.price or price)
            one.is_over = one.is_over or one.is_canceling

    def ask(self, *, signals: tuple[str, ...] = (), command: BotCommand | None = None) -> Step:
        """Let the bot hear what happened; again until it does nothing more."""
        for _ in range(ROUNDS_MAX):
            stimulus = Stimulus(
                at_ms=self.now_ms,
                price=self.price,
                may_enter=self.may_enter,
                wish=self.wish,
                news=self.news(),
                signals=signals,
                command=command,
                share=max(ZERO, self.held) if self.lost else None,
            )
            before = self.state
            step = take_step(before, self.rule, self.instrument, stimulus)
            signals, command = (), None
            self._carry_out(step)
            self.heard.append((before, stimulus, step))
            if not step.placed and not step.canceled and not self._has_news():
                return step
        raise AssertionError("the bot never comes to rest")

    def tell(self, instruction: Instruction, size: Size | None = None) -> Step:
        """Say something to the bot."""
        self.commands += 1
        return self.ask(command=BotCommand(self.commands, instruction, size))

    def be(self, wish: Wish) -> None:
        """Want something else of the bot."""
        self.wish = wish
        self.ask()

    def news(self) -> tuple[OrderNews, ...]:
        """How every order of the bot stands."""
        told = tuple(self._news(one) for one in self.book.values())
        self.book = {name: one for name, one in self.book.items() if not one.is_over}
        return told

    def cancel_by_hand(self, slot: str) -> None:
        """Somebody takes the order of a slot back."""
        self.resting(slot).is_over = True

    def close_by_hand(self, quantity: Decimal) -> None:
        """Somebody closes a part of what the bot holds."""
        self.lost += quantity

    def resting(self, slot: str) -> Placed:
        """The open order of a slot."""
        return next(one for one in self.book.values() if one.slot == slot)

    @property
    def memory(self) -> MartingaleMemory:
        """What a martingale remembers."""
        assert isinstance(self.state.memory, MartingaleMemory)
        return self.state.memory

    @property
    def slots(self) -> dict[str, str]:
        """What rests: price by slot."""
        return {one.slot: str(one.order.want.price) for one in self.book.values()}

    @property
    def exits(self) -> list[Placed]:
        """Exits that rest."""
        return [one for one in self.book.values() if not one.order.want.opens and not one.is_over]

    @property
    def held(self) -> Decimal:
        """What the account holds for the bot, from fills alone."""
        opened = sum((one.filled - one.fee_base for one in self.history if one.order.want.opens), ZERO)
        return opened - sum((one.filled for one in self.history if not one.order.want.opens), ZERO) - self.lost

    def fill(self, one: Placed, quantity: Decimal, price: Decimal) -> None:
        """Execute a part of an order."""
        if not quantity:
            return
        assert one.order.want.opens or quantity <= self.held or self.lost, "more closed than held"
        value = self.instrument.notional(quantity, price)
        one.filled += quantity
        one.value += value
        one.fills.append(price)
        if self.fee_in_base and one.order.want.side is Side.BUY:
            one.fee_base += quantity * self.fee
        else:
            one.fee_settle += value * self.fee
        one.is_over = one.filled >= one.quantity

    def _touches(self, one: Placed) -> bool:
        price = one.order.want.price
        if one.is_over:
            return False
        if price is None:
            return True
        return self.price <= price if one.order.want.side is Side.BUY else self.price >= price

    def _carry_out(self, step: Step) -> None:
        self.last = step
        self.reasons += step.reasons
        canceled = {order.serial for order in step.canceled}
        for one in self.book.values():
            if one.order.serial in canceled:
                one.is_canceling = self.late_cancels
                one.is_over = one.is_over or not self.late_cancels
        self.state = step.state
        placed = {order.serial: self._place(order) for order in step.placed}
        self.state = replace(step.state, orders=tuple(placed.get(order.serial, order) for order in step.state.orders))

    def _place(self, order: BotOrder) -> BotOrder:
        order = replace(order, request_id=f"r{order.serial}")
        want = order.want
        carried = next((one for one in self.state.carried if one.slot == want.slot and one.size == want.size), None)
        quantity = self._quantity(order, rest_of(want.size, carried))
        one = Placed(order, quantity, cycle=self.state.cycle, asked_at=want.price or self.price)
        self.book[order.request_id] = one
        self.history.append(one)
        if want.slot in self.refuses or not quantity:
            one.is_over = True
        elif self._touches(one):
            part = quantity if want.price is not None else self._lots(quantity * self.at_once) or quantity
            self.fill(one, part, self.price)
        return order

    def _quantity(self, order: BotOrder, size: Size | None) -> Decimal:
        price = order.want.price or self.price
        if order.want.opens:
            assert size is not None
            if size.unit is SizeUnit.PERCENT:
                return self._lots(size.amount / HUNDRED * self.cash / price / self.instrument.contract_value)
            return whole_lots(self.instrument, size, price)
        # A close never takes more than is held and not on its way out.
        free = self._lots(max(ZERO, self.held - sum((one.leaves for one in self.exits), ZERO)))
        return free if size is None else min(free, whole_lots(self.instrument, size, price))

    def _lots(self, quantity: Decimal) -> Decimal:
        return self.instrument.round_quantity_down(quantity)

    def _news(self, one: Placed) -> OrderNews:
        is_complete = bool(one.quantity) and one.filled >= one.quantity
        quote = self.instrument.notional_in_quote(one.filled, self.price) if self.instrument.is_inverse else one.value
        return OrderNews(
            request_id=one.order.request_id,
            is_over=one.is_over,
            is_complete=is_complete,
            order_ids=() if one.is_over else (one.order.request_id,),
            filled_quantity=one.filled,
            value=one.value,
            quote=quote,
            fee_base=one.fee_base,
            fee_settle=one.fee_settle,
            reason="" if is_complete else "refused",
        )

    def _has_news(self) -> bool:
        known = {order.request_id: order for order in self.state.orders}
        if self.last is not None and any(
            wire.kind is WireKind.AT_TIME and wire.at_ms <= self.now_ms for wire in self.last.wires
        ):
            return True
        return any(
            one.is_over or one.filled != known[name].filled_quantity or not known[name].order_ids
            for name, one in self.book.items()
            if name in known
        )
