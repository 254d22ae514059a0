from __future__ import annotations

from fairlead.core.model.account import MarginMode
from fairlead.core.model.money import ZERO
from fairlead.core.rules.valuation import available_of, equity_usd, is_usd, mark_price, usd_rate
from tests.core.rules.trading_world import (
    INSTRUMENTS,
    INVERSE,
    LINEAR,
    SPOT,
    D,
    begin,
    held,
    make_book,
    make_order,
    make_quote,
    make_quotes,
    make_view,
)


def test_stable_coins_are_dollars_and_others_have_a_market() -> None:
    assert is_usd("USDC")
    assert usd_rate("USDT", {}) == D(1)
    assert usd_rate("BTC", make_quotes(60_000)) == D(60_000)
    inverse_only = {INVERSE: make_quote(INVERSE, D(59_000), D(59_000))}
    assert usd_rate("BTC", inverse_only) == D(59_000)
    assert usd_rate("OKB", make_quotes()) is None


def test_a_mark_price_falls_back_to_the_book_and_then_to_the_last_trade() -> None:
    assert mark_price(None) is None
    assert mark_price(make_quote(SPOT, D(9), D(11), D(12))) == D(12)
    assert mark_price(make_quote(SPOT, D(9), D(11), ZERO)) == D(10)
    assert mark_price(make_quote(SPOT, ZERO, D(11), ZERO)) is None


def test_equity_is_cash_and_open_profit() -> None:
    book = make_book({"USDT": 1_000, "BTC": "0.1", "OKB": 7}, held(LINEAR, 10), held(INVERSE, -6))
    quotes = make_quotes(50_000)
    linear = D(10) * D("0.01") * D(-10_000)
    inverse = D(6) * D(100) * (D(1) / D(50_000) - D(1) / D(60_000)) * D(50_000)
    equity = equity_usd(book, quotes, INSTRUMENTS)
    assert equity is not None
    assert abs(equity - (D(1_000) + D(5_000) + linear + inverse)) < D("1E-20")


def test_equity_is_unknown_while_a_position_has_no_price() -> None:
    book = make_book(None, held(LINEAR, 10))
    assert equity_usd(book, {}, INSTRUMENTS) is None
    assert equity_usd(book, make_quotes(), {}) is None
    assert equity_usd(make_book(), {}, {}) == D(10_000)


def test_cross_positions_use_margin_and_their_loss_but_lend_no_profit() -> None:
    at_entry = make_view(make_book(None, held(LINEAR, 10)))
    assert available_of(at_entry, "USDT") == D(10_000) - D(1_200)
    loss = make_view(make_book(None, held(LINEAR, 10)), make_quotes(50_000))
    assert available_of(loss, "USDT") == D(10_000) - D(1_000) - D(1_000)
    profit = make_view(make_book(None, held(LINEAR, 10)), make_quotes(70_000))
    assert available_of(profit, "USDT") == D(10_000) - D(1_400)
    ruin = make_view(make_book({"USDT": 10}, held(LINEAR, 10)), make_quotes(50_000))
    assert available_of(ruin, "USDT") == ZERO


def test_isolated_positions_and_open_orders_use_what_they_reserve() -> None:
    book = make_book(None, held(LINEAR, 10, margin_mode=MarginMode.ISOLATED))
    begin(book, make_order(SPOT, quantity=D("0.01")))
    assert available_of(make_view(book, make_quotes(50_000)), "USDT") == D(10_000) - D(1_200) - D(600)


def test_what_is_free_is_unknown_while_a_cross_position_has_no_price() -> None:
    view = make_view(make_book({"USDT": 5, "BTC": 1}, held(LINEAR, 10)), {})
    assert available_of(view, "USDT") is None
    assert available_of(view, "BTC") == D(1)
    assert available_of(view, "OKB") == ZERO
