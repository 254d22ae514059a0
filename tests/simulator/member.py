"""A member of the simulated exchange, to write tests in few words: amounts are texts, time is explicit."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import msgspec

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.request import Side
from fairlead.simulator.account import PositionKey
from fairlead.simulator.events import ExchangeEvent
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.orders import ExitLeg, Exits, NewOrder, Order, OrderType, Placed, Refused
from fairlead.simulator.rules import VenueRules
from fairlead.simulator.views import PositionView

START_MS: Final = 1_700_000_000_000
SPOT: Final = "BTC-USDT"
LINEAR: Final = "BTC-USDT-SWAP"
INVERSE: Final = "BTC-USD-SWAP"
# Nobody else trades, and prices stand where a test puts them.
QUIET: Final = VenueRules(flow_percent=0)


def quiet_exchange(**rules: object) -> Exchange:
    exchange = Exchange(
        instruments=DEFAULT_INSTRUMENTS,
        seed=7,
        now_ms=START_MS,
        rules=msgspec.structs.replace(QUIET, **rules),
    )
    for symbol in (SPOT, LINEAR, INVERSE):
        exchange.feed_price(symbol, Decimal(60000), now_ms=START_MS)
    return exchange


class Member:
    """One account and its hands."""

    def __init__(
        self,
        exchange: Exchange | None = None,
        account_id: str = "ann",
        *,
        balances: Mapping[str, str] | None = None,
        position_mode: PositionMode = PositionMode.NET,
    ) -> None:
        self.exchange = quiet_exchange() if exchange is None else exchange
        self.account_id = account_id
        self.now_ms = START_MS
        self.count = 0
        cash = {"USDT": "100000", "BTC": "10"} if balances is None else balances
        self.exchange.open_account(
            account_id,
            balances={currency: Decimal(text) for currency, text in cash.items()},
            position_mode=position_mode,
        )
        self.exchange.drain_events()

    def wish(self, side: Side, symbol: str, quantity: str, **fields: object) -> NewOrder:
        self.count += 1
        price = fields.pop("price", None)
        wish = NewOrder(
            client_order_id=f"{self.account_id}{self.count}",
            symbol=symbol,
            side=side,
            order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
            quantity=Decimal(quantity),
            limit_price=None if price is None else Decimal(str(price)),
        )
        return msgspec.structs.replace(wish, **fields)

    def place(self, wish: NewOrder) -> Placed | Refused:
        return self.exchange.place(self.account_id, wish, now_ms=self.now_ms)

    def buy(self, symbol: str, quantity: str, **fields: object) -> Order:
        return self.placed(self.wish(Side.BUY, symbol, quantity, **fields))

    def sell(self, symbol: str, quantity: str, **fields: object) -> Order:
        return self.placed(self.wish(Side.SELL, symbol, quantity, **fields))

    def placed(self, wish: NewOrder) -> Order:
        """Place an order that must be taken; returns how it is afterwards."""
        answer = self.place(wish)
        assert isinstance(answer, Placed), answer
        return self.order(answer.venue_order_id)

    def refused(self, side: Side, symbol: str, quantity: str, **fields: object) -> str:
        """Place an order that must be refused; returns the code."""
        answer = self.place(self.wish(side, symbol, quantity, **fields))
        assert isinstance(answer, Refused), answer
        return answer.code

    def order(self, venue_order_id: str) -> Order:
        order = self.exchange.accounts.find_venue_order(self.account_id, venue_order_id)
        assert order is not None
        return order

    def price(self, symbol: str, price: str) -> None:
        """Put the middle of a market somewhere; everything that follows from it happens."""
        self.exchange.feed_price(symbol, Decimal(price), now_ms=self.now_ms)

    def wait(self, duration_ms: int) -> None:
        self.now_ms += duration_ms
        self.exchange.advance(self.now_ms)

    def events(self) -> list[ExchangeEvent]:
        return [event for event in self.exchange.drain_events() if event.account_id == self.account_id]

    def total(self, currency: str = "USDT") -> Decimal:
        return self.exchange.accounts.balance(self.account_id, currency).total

    def available(self, currency: str = "USDT") -> Decimal:
        return self.exchange.accounts.balance(self.account_id, currency).available

    def position(self, symbol: str = LINEAR) -> PositionView | None:
        held = [row for row in self.exchange.accounts.positions(self.account_id) if row.symbol == symbol]
        return held[0] if held else None

    def leverage(self, symbol: str, leverage: str, margin_mode: MarginMode = MarginMode.CROSS) -> object:
        return self.exchange.set_leverage(self.account_id, symbol, Decimal(leverage), margin_mode=margin_mode)


def key(symbol: str, margin_mode: MarginMode = MarginMode.CROSS, side: PositionSide = PositionSide.NET) -> PositionKey:
    return PositionKey(symbol, margin_mode, side)


def exits(*, take_profit: str | None = None, stop_loss: str | None = None) -> Exits:
    return Exits(
        take_profit=None if take_profit is None else ExitLeg(trigger_price=Decimal(take_profit)),
        stop_loss=None if stop_loss is None else ExitLeg(trigger_price=Decimal(stop_loss)),
    )
