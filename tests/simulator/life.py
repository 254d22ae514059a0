"""Whole lives at the exchange, drawn from a seed: three members do whatever the dice say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, TypeVar

import msgspec

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.request import Side, TimeInForce
from fairlead.simulator.account import PositionKey
from fairlead.simulator.amending import Amendment
from fairlead.simulator.dice import Dice
from fairlead.simulator.events import OrderFilled
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.orders import ExitLeg, Exits, NewOrder, OrderType, QuantityUnit, Trail
from fairlead.simulator.rules import VenueRules
from tests.simulator.member import INVERSE, LINEAR, SPOT, START_MS

T = TypeVar("T")

SYMBOLS: Final = (SPOT, LINEAR, INVERSE, "ETH-USDT-SWAP")
NAMES: Final = ("ann", "bob", "cid")


class Life:
    """An exchange that moves wildly, and what its members hold by their fills alone."""

    def __init__(self, seed: int) -> None:
        self.dice = Dice(seed)
        self.now_ms = START_MS
        self.held: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self.exchange = Exchange(
            instruments=[each for each in DEFAULT_INSTRUMENTS if each.symbol in SYMBOLS],
            seed=seed,
            now_ms=START_MS,
            rules=VenueRules(
                flow_percent=100,
                volatility=Decimal("0.0008"),
                funding_interval_ms=5000,
                book_levels=self.one_of((3, 20)),
                level_notional=Decimal(self.one_of((2000, 20000))),
            ),
        )
        for name in NAMES:
            cash = {"USDT": Decimal(self.one_of((500, 3000, 50_000))), "BTC": Decimal("0.1")}
            self.exchange.open_account(name, balances=cash, position_mode=self.one_of(tuple(PositionMode)))

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[self.dice.below(len(choices))]

    def chance(self, percent: int) -> bool:
        return self.dice.below(100) < percent

    def live_on(self) -> None:
        """Do one thing, and perhaps let time pass."""
        name, symbol = self.one_of(NAMES), self.one_of(SYMBOLS)
        match self.dice.below(10):
            case 6:
                self.change_order(name)
            case 7:
                leverage = Decimal(self.one_of((1, 3, 10, 50, 75)))
                self.exchange.set_leverage(
                    name,
                    symbol,
                    leverage,
                    margin_mode=self.margin_mode(),
                    position_side=self.position_side(name, symbol),
                )
            case 8:
                self.close(name)
            case 9:
                free = self.exchange.accounts.balance(name, "USDT").available
                self.exchange.withdraw(name, "USDT", (free * Decimal("0.3")).quantize(Decimal("0.01")))
            case _:
                self.exchange.place(name, self.wish(name, symbol), now_ms=self.now_ms)
        if self.chance(50):
            self.now_ms += 250 * self.dice.between(1, 6)
            self.exchange.advance(self.now_ms)
        for event in self.exchange.drain_events():
            if isinstance(event, OrderFilled):
                signed = event.quantity if event.side is Side.BUY else -event.quantity
                self.held[event.account_id, event.symbol] += signed

    def margin_mode(self) -> MarginMode:
        return self.one_of((MarginMode.CROSS, MarginMode.ISOLATED))

    def position_side(self, name: str, symbol: str) -> PositionSide:
        is_net = self.exchange.accounts.position_mode(name) is PositionMode.NET
        return PositionSide.NET if is_net or symbol == SPOT else self.one_of((PositionSide.LONG, PositionSide.SHORT))

    def price(self, symbol: str, low: int, high: int) -> Decimal:
        """Somewhere near the middle, in ten-thousandths of it."""
        tick = self.exchange.instruments[symbol].tick_size
        wild = self.exchange.markets.quote(symbol).mid * (1 + Decimal(self.dice.between(low, high)) / 10_000)
        return wild - wild % tick

    def wish(self, name: str, symbol: str) -> NewOrder:
        order_type = self.one_of(tuple(OrderType))
        side = self.one_of(tuple(Side))
        size = Decimal(self.dice.between(1, 50))
        wish = NewOrder(
            client_order_id="",
            symbol=symbol,
            side=side,
            order_type=order_type,
            quantity=size / 1000 if symbol == SPOT else size,
            reduce_only=symbol != SPOT and self.chance(30),
            margin_mode=self.margin_mode(),
            position_side=self.position_side(name, symbol),
        )
        match order_type:
            case OrderType.LIMIT:
                force = self.one_of(tuple(TimeInForce))
                price = self.price(symbol, -30, 30)
                post_only = force is TimeInForce.GTC and self.chance(20)
                wish = msgspec.structs.replace(wish, limit_price=price, time_in_force=force, post_only=post_only)
            case OrderType.TRAILING_STOP:
                ratio = Decimal(self.dice.between(1, 40)) / 10_000
                return msgspec.structs.replace(wish, trail=Trail(ratio=ratio))
            case OrderType.OCO:
                return msgspec.structs.replace(wish, exits=self.exits(symbol, side.opposite))
            case OrderType.MARKET if symbol == SPOT and self.chance(40):
                wish = msgspec.structs.replace(wish, quantity=size * 50, quantity_unit=QuantityUnit.QUOTE)
            case OrderType.MARKET:
                pass
            case _:
                limit = self.price(symbol, -30, 30) if order_type is OrderType.STOP_LIMIT else None
                trigger = self.price(symbol, -40, 40)
                return msgspec.structs.replace(wish, trigger_price=trigger, limit_price=limit)
        return msgspec.structs.replace(wish, exits=self.exits(symbol, side)) if self.chance(30) else wish

    def exits(self, symbol: str, entry: Side) -> Exits:
        above = ExitLeg(trigger_price=self.price(symbol, 5, 60))
        below = ExitLeg(trigger_price=self.price(symbol, -60, -5))
        is_long = entry is Side.BUY
        return Exits(take_profit=above if is_long else below, stop_loss=below if is_long else above)

    def change_order(self, name: str) -> None:
        orders = self.exchange.accounts.open_orders(name)
        if not orders:
            return
        order = self.one_of(orders)
        if self.chance(40):
            self.exchange.cancel(name, venue_order_id=order.venue_order_id, now_ms=self.now_ms)
            return
        price = None if order.limit_price is None else self.price(order.symbol, -30, 30)
        quantity = self.one_of((None, order.quantity * 2, order.quantity / 2))
        change = Amendment(quantity=quantity, limit_price=price)
        self.exchange.amend(name, change, venue_order_id=order.venue_order_id, now_ms=self.now_ms)

    def close(self, name: str) -> None:
        for row in self.exchange.accounts.positions(name):
            key = PositionKey(row.symbol, row.margin_mode, row.position_side)
            self.exchange.close_position(name, key, now_ms=self.now_ms, auto_cancel=self.chance(50))
