"""After every deed of a random life the books of the exchange agree with each other."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.money import ZERO
from fairlead.simulator.account import PositionKey
from fairlead.simulator.ledger import House
from fairlead.simulator.orders import Order, OrderStatus
from tests.simulator.life import NAMES, SYMBOLS, Life
from tests.simulator.member import SPOT

DEEDS = 120


@pytest.mark.parametrize("seed", range(12))
def test_the_books_agree_after_every_deed(seed: int) -> None:
    life = Life(seed)
    for _ in range(DEEDS):
        life.live_on()
        assert_cash_adds_up(life)
        for name in NAMES:
            assert_positions_are_the_sum_of_fills(life, name)
            assert_orders_hold_what_is_reserved(life, name)
            assert_closing_orders_fit_their_positions(life, name)


@pytest.mark.parametrize("seed", range(100, 112))
def test_nobody_is_left_beyond_liquidation_or_below_zero(seed: int) -> None:
    life = Life(seed)
    for _ in range(DEEDS):
        life.live_on()
    life.exchange.advance(life.now_ms + 500)

    for name in NAMES:
        positions = life.exchange.accounts.positions(name)
        assert all(row.margin_ratio > 1 for row in positions)
        for balance in life.exchange.accounts.balances(name).values():
            assert balance.total >= ZERO or positions


@pytest.mark.parametrize("seed", range(200, 206))
def test_a_life_goes_on_after_a_restart_in_the_middle_of_it(seed: int) -> None:
    life = Life(seed)
    for _ in range(DEEDS // 2):
        life.live_on()
    saved = [life.exchange.records.dump_account(name) for name in NAMES]
    market = life.exchange.records.dump_market()

    after = Life(seed)
    after.exchange._world.accounts.clear()  # noqa: SLF001 - a fresh process has no accounts
    after.exchange.drain_events()
    after.exchange.records.load_market(market)
    for record in saved:
        after.exchange.records.load_account(record)
    after.now_ms, after.held = life.now_ms, life.held

    assert [after.exchange.records.dump_account(name) for name in NAMES] == saved
    for _ in range(DEEDS // 2):
        after.live_on()
        assert_cash_adds_up(after)
        for name in NAMES:
            assert_positions_are_the_sum_of_fills(after, name)
            assert_orders_hold_what_is_reserved(after, name)


def assert_cash_adds_up(life: Life) -> None:
    for currency in ("USDT", "BTC", "ETH"):
        members = sum((life.exchange.accounts.balance(name, currency).total for name in NAMES), ZERO)
        house = sum((life.exchange.house_balance(each, currency) for each in House), ZERO)
        assert members + house == ZERO, currency


def assert_positions_are_the_sum_of_fills(life: Life, name: str) -> None:
    totals: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in life.exchange.accounts.positions(name):
        totals[row.symbol] += row.signed_quantity
        assert row.quantity != ZERO
        assert row.position_side is not PositionSide.LONG or row.signed_quantity > ZERO
        assert row.position_side is not PositionSide.SHORT or row.signed_quantity < ZERO
        assert row.margin > ZERO
        assert row.margin_mode is not MarginMode.CASH
    for symbol in SYMBOLS:
        assert symbol == SPOT or totals[symbol] == life.held[name, symbol], symbol


def assert_orders_hold_what_is_reserved(life: Life, name: str) -> None:
    orders = life.exchange.accounts.open_orders(name)
    for currency, balance in life.exchange.accounts.balances(name).items():
        held = sum((order.reserved for order in orders if order.reserved_currency == currency), ZERO)
        assert balance.reserved == held >= ZERO
    for order in orders:
        assert order.is_pending
        assert order.status is OrderStatus.WAITING or order.leaves_quantity > ZERO
        assert order.status is not OrderStatus.WAITING or not order.fills


def assert_closing_orders_fit_their_positions(life: Life, name: str) -> None:
    sizes = {
        PositionKey(row.symbol, row.margin_mode, row.position_side): abs(row.quantity)
        for row in life.exchange.accounts.positions(name)
    }
    for order in life.exchange.accounts.open_orders(name):
        if order.reduces and order.status is not OrderStatus.WAITING:
            key = key_of(order)
            sizes[key] = sizes.get(key, ZERO) - order.leaves_quantity
    assert min(sizes.values(), default=ZERO) >= ZERO


def key_of(order: Order) -> PositionKey:
    return PositionKey(order.symbol, order.wish.margin_mode, order.wish.position_side)
