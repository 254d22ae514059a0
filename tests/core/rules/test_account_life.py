from __future__ import annotations

from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fairlead.core.model import events as ev
from fairlead.core.model.account import Balance, MarginMode, PositionMode, PositionSide
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.request import OrderType, Side
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.holds import hold_of
from fairlead.core.rules.margin import initial_margin
from tests.core.rules.trading_world import (
    INSTRUMENTS,
    INVERSE,
    LINEAR,
    SPOT,
    D,
    accepted,
    approved,
    canceled,
    doubted,
    expired,
    feed,
    filled,
    make_book,
    make_order,
    make_request,
    rejected,
)


class AccountLife(RuleBasedStateMachine):
    """Orders of all kinds with news in any order, sometimes twice; money and reservations always add up."""

    @initialize(mode=st.sampled_from(PositionMode))
    def open_account(self, mode: PositionMode) -> None:
        self.book = make_book({"USDT": 100_000, "BTC": 10}, position_mode=mode)
        self.number = 0
        self.rows: dict[str, Balance] = dict(self.book.balances)
        self.spot_bought = ZERO

    def hear(self, event: ev.AccountEvent) -> None:
        for state in feed(self.book, event):
            if isinstance(state, Balance):
                self.rows[state.currency] = state
        assert feed(self.book, event) == []

    @rule(
        symbol=st.sampled_from([SPOT, LINEAR, INVERSE]),
        side=st.sampled_from(Side),
        quantity=st.integers(1, 9),
        margin_mode=st.sampled_from([MarginMode.CROSS, MarginMode.ISOLATED]),
        limit=st.booleans(),
    )
    def place(self, symbol: str, side: Side, quantity: int, margin_mode: MarginMode, *, limit: bool) -> None:
        self.number += 1
        position_side = PositionSide.NET
        if symbol != SPOT and self.book.position_mode is PositionMode.LONG_SHORT:
            position_side = PositionSide.LONG if side is Side.BUY else PositionSide.SHORT
        order = make_order(
            symbol,
            order_id=f"o{self.number}",
            request_id=f"r{self.number}",
            side=side,
            position_side=position_side,
            quantity=D(quantity),
            margin_mode=MarginMode.CASH if symbol == SPOT else margin_mode,
            order_type=OrderType.LIMIT if limit else OrderType.MARKET,
            limit_price=D(59_000) if limit else None,
        )
        self.hear(ev.OrderRequested(request=make_request(symbol, request_id=order.request_id)))
        self.hear(approved(order))

    @rule(number=st.integers(1, 10), quantity=st.integers(1, 5), price=st.integers(50_000, 70_000))
    def fill(self, number: int, quantity: int, price: int) -> None:
        order = self.book.shelf.find(f"o{number}")
        if order is None or order.filled_quantity + quantity > order.quantity:
            return
        self.hear(filled(order, quantity, price, fee=D("0.001")))
        if order.symbol == SPOT:
            self.spot_bought += quantity if order.side is Side.BUY else -quantity

    @rule(number=st.integers(1, 10), news=st.sampled_from([accepted, rejected, canceled, expired, doubted]))
    def tell(self, number: int, news: object) -> None:
        assert callable(news)
        self.hear(news(f"o{number}"))

    @invariant()
    def reservations_add_up(self) -> None:
        book: AccountBook | None = getattr(self, "book", None)
        if book is None:
            return
        expected: dict[str, Decimal] = {}
        for order in book.orders.values():
            currency, amount = hold_of(order, INSTRUMENTS[order.symbol])
            expected[currency] = expected.get(currency, ZERO) + amount
        for position in book.positions.values():
            if position.margin_mode is MarginMode.ISOLATED:
                instrument = INSTRUMENTS[position.symbol]
                margin = initial_margin(instrument, position.quantity, position.entry_price, position.leverage)
                currency = instrument.settle_currency
                expected[currency] = expected.get(currency, ZERO) + margin
        for currency, balance in book.balances.items():
            assert balance.reserved == expected.get(currency, ZERO), currency
        assert self.rows == book.balances

    @invariant()
    def what_is_open_is_live(self) -> None:
        book: AccountBook | None = getattr(self, "book", None)
        if book is None:
            return
        assert not any(order.is_terminal for order in book.orders.values())
        assert all(position.quantity for position in book.positions.values())
        live: set[str] = {order.request_id for order in book.orders.values()}
        assert {request_id for request_id, state in book.requests.items() if not state.more} == live

    def teardown(self) -> None:
        book: AccountBook | None = getattr(self, "book", None)
        if book is None:
            return
        orders: list[Order] = list(book.orders.values())
        for order in orders:
            self.hear(canceled(order.order_id))
        kept = sum((amount for _, amount in book.holdings.isolated.values()), ZERO)
        assert sum((balance.reserved for balance in book.balances.values()), ZERO) == kept


TestAccountLife = AccountLife.TestCase
