from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from fairlead.core.model.account import MarginMode
from fairlead.core.model.money import ZERO
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.valuation import available_of, is_usd, mark_price, usd_rate, worth_of
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


def free_of(view: AccountView, currency: str) -> Decimal | None:
    return available_of(view.book, currency, view.worth.positions)


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
    equity = worth_of(book, quotes, INSTRUMENTS).equity_usd
    assert equity is not None
    exact = D(1_000) + D(5_000) + linear + inverse
    # Never more than there is.
    assert ZERO <= exact - equity < D("1E-8")


def test_equity_is_unknown_while_a_position_has_no_price() -> None:
    book = make_book(None, held(LINEAR, 10))
    assert worth_of(book, {}, INSTRUMENTS).equity_usd is None
    assert worth_of(book, make_quotes(), {}).equity_usd is None
    assert worth_of(make_book(), {}, {}).equity_usd == D(10_000)


def test_cross_positions_use_margin_and_their_loss_but_lend_no_profit() -> None:
    at_entry = make_view(make_book(None, held(LINEAR, 10)))
    assert free_of(at_entry, "USDT") == D(10_000) - D(1_200)
    loss = make_view(make_book(None, held(LINEAR, 10)), make_quotes(50_000))
    assert free_of(loss, "USDT") == D(10_000) - D(1_000) - D(1_000)
    profit = make_view(make_book(None, held(LINEAR, 10)), make_quotes(70_000))
    assert free_of(profit, "USDT") == D(10_000) - D(1_400)
    ruin = make_view(make_book({"USDT": 10}, held(LINEAR, 10)), make_quotes(50_000))
    assert free_of(ruin, "USDT") == ZERO


def test_isolated_positions_and_open_orders_use_what_they_reserve() -> None:
    book = make_book(None, held(LINEAR, 10, margin_mode=MarginMode.ISOLATED))
    begin(book, make_order(SPOT, quantity=D("0.01")))
    assert free_of(make_view(book, make_quotes(50_000)), "USDT") == D(10_000) - D(1_200) - D(600)


def test_what_is_free_is_unknown_while_a_cross_position_has_no_price() -> None:
    view = make_view(make_book({"USDT": 5, "BTC": 1}, held(LINEAR, 10)), {})
    assert free_of(view, "USDT") is None
    assert free_of(view, "BTC") == D(1)
    assert free_of(view, "OKB") == ZERO


def test_cash_that_is_traded_and_has_no_price_now_is_told_apart_from_what_never_has_one() -> None:
    book = make_book({"USDT": 5, "BTC": 1, "NOBODY": 1})
    known, unknown = worth_of(book, make_quotes(50_000), INSTRUMENTS), worth_of(book, {}, INSTRUMENTS)
    assert (known.equity_usd, known.lacks_price) == (D(50_005), False)
    assert (unknown.equity_usd, unknown.lacks_price) == (D(5), True)


def test_a_view_is_worth_what_its_maker_found() -> None:
    view = make_view(make_book())
    valued = replace(view, valued=worth_of(make_book({"USDT": 1}), {}, {}))
    assert (view.worth.equity_usd, valued.worth.equity_usd) == (D(10_000), D(1))
