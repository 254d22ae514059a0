from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.core.model import events as ev
from fairlead.core.model.account import MarginMode, Position, PositionMode, PositionSide
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import OrderStatus
from fairlead.core.model.reports import ReportBorn
from fairlead.core.model.request import OrderType, Side
from fairlead.core.model.state import RequestState, RequestStatus, State
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.order_shelf import ENDED_ORDERS_KEPT_MAX
from fairlead.core.rules.order_state import InvariantBroken
from tests.core.rules.trading_world import (
    ACCOUNT,
    INVERSE,
    LINEAR,
    NOW_MS,
    SPOT,
    TENANT,
    D,
    accepted,
    approved,
    begin,
    canceled,
    feed,
    filled,
    held,
    make_book,
    make_order,
    make_request,
)


def total(book: AccountBook, currency: str = "USDT") -> Decimal:
    return book.balances[currency].total


def reserved(book: AccountBook, currency: str = "USDT") -> Decimal:
    return book.balances[currency].reserved


def request_in(changed: list[State]) -> RequestState:
    (state,) = [state for state in changed if isinstance(state, RequestState)]
    return state


def born(order_id: str, **changes: object) -> ev.VenueOrderBorn:
    terms: dict[str, object] = {
        "order_id": order_id,
        "venue_order_id": "v9",
        "parent_id": "order",
        "origin": "protection",
        "symbol": LINEAR,
        "side": Side.SELL,
        "position_side": PositionSide.NET,
        "margin_mode": MarginMode.CROSS,
        "order_type": OrderType.STOP_MARKET,
        "quantity": D(10),
        "stop_loss_price": D(50_000),
        "take_profit_price": None,
        "at_ms": NOW_MS,
        **changes,
    }
    return ev.VenueOrderBorn(account_id=ACCOUNT, report=ReportBorn(**terms))  # type: ignore[arg-type]  # a test's choice


def adjusted(key: str, amount: int, kind: str = "funding") -> ev.CashAdjusted:
    return ev.CashAdjusted(
        account_id=ACCOUNT,
        adjustment=key,
        kind=kind,
        currency="USDT",
        amount=D(amount),
        symbol=LINEAR,
        position_side=PositionSide.NET,
        at_ms=NOW_MS,
    )


def test_a_spot_buy_holds_its_cost_and_then_moves_both_currencies() -> None:
    book = make_book()
    order = make_order(SPOT, quantity=D("0.1"))
    begin(book, order)
    assert reserved(book) == D(6_000)
    changed = feed(book, filled(order, "0.1", 59_000, fee=D("0.0001"), fee_currency="BTC"))
    assert (total(book), reserved(book), total(book, "BTC")) == (D(4_100), ZERO, D("0.0999"))
    kinds = [type(state).__name__ for state in changed]
    assert kinds == ["Order", "Balance", "Balance", "RequestState"]


def test_a_buy_in_quote_holds_what_it_may_still_spend() -> None:
    book = make_book()
    order = make_order(SPOT, quantity=D(5_000), in_quote=True)
    begin(book, order)
    assert reserved(book) == D(5_000)
    feed(book, filled(order, "0.05", 60_000))
    assert (total(book), reserved(book)) == (D(7_000), D(2_000))
    feed(book, canceled())
    assert reserved(book) == ZERO


def test_a_spot_sale_holds_the_base_currency() -> None:
    book = make_book({"BTC": 1})
    order = make_order(SPOT, side=Side.SELL, quantity=D("0.4"))
    begin(book, order)
    assert book.balances["BTC"].available == D("0.6")
    feed(book, filled(order, "0.4", 60_000, fee=D(24)))
    assert (total(book, "BTC"), reserved(book, "BTC"), total(book)) == (D("0.6"), ZERO, D(23_976))


def test_a_perpetual_holds_margin_and_fee_until_it_is_done() -> None:
    book = make_book()
    order = make_order()
    begin(book, order)
    assert reserved(book) == D(1_203)
    feed(book, filled(order, 4, fee=D("1.2")))
    assert reserved(book) == D("721.8")
    feed(book, filled(order, 6, fee=D("1.8")))
    assert (total(book), reserved(book)) == (D(9_997), ZERO)
    assert book.positions[LINEAR, PositionSide.NET].quantity == D(10)


def test_the_part_that_only_closes_holds_nothing() -> None:
    book = make_book(None, held(LINEAR, 10))
    begin(book, make_order(side=Side.SELL, quantity=D(14)))
    assert reserved(book) == D("481.2")
    book = make_book(None, held(LINEAR, 10))
    begin(book, make_order(side=Side.SELL, quantity=D(10), reduce_only=True))
    assert reserved(book) == ZERO


def test_an_isolated_position_keeps_its_margin_reserved() -> None:
    book = make_book()
    order = make_order(margin_mode=MarginMode.ISOLATED)
    begin(book, order)
    feed(book, filled(order, 10))
    assert reserved(book) == D(1_200)
    change = ev.LeverageChanged(
        account_id=ACCOUNT,
        symbol=LINEAR,
        margin_mode=MarginMode.ISOLATED,
        position_side=PositionSide.NET,
        leverage=D(10),
        at_ms=NOW_MS,
    )
    feed(book, change)
    assert reserved(book) == D(600)
    closing = make_order(order_id="close", side=Side.SELL, reduce_only=True, margin_mode=MarginMode.ISOLATED)
    begin(book, closing)
    feed(book, filled(closing, 10))
    assert reserved(book) == ZERO


def test_a_position_that_becomes_flat_is_told_once_and_then_forgotten() -> None:
    book = make_book(None, held(LINEAR, 10))
    order = make_order(side=Side.SELL, reduce_only=True)
    begin(book, order)
    changed = feed(book, filled(order, 10, 61_000))
    (position,) = [state for state in changed if isinstance(state, Position)]
    assert (position.quantity, position.realized_pnl) == (ZERO, D(100))
    assert not book.positions
    assert total(book) == D(10_100)


def test_inverse_profit_is_paid_in_coins() -> None:
    book = make_book({"BTC": 1})
    opening = make_order(INVERSE, quantity=D(10), reference_price=D(50_000))
    begin(book, opening)
    feed(book, filled(opening, 10, 50_000, fee=D("0.00001")))
    closing = make_order(INVERSE, order_id="close", side=Side.SELL, quantity=D(10), reduce_only=True)
    begin(book, closing)
    feed(book, filled(closing, 10, 40_000, fee=D("0.00001")))
    assert total(book, "BTC") == D("0.99498")


def test_everything_told_twice_counts_once() -> None:
    book = make_book()
    order = make_order()
    request = make_request(LINEAR)
    events: list[ev.AccountEvent] = [
        ev.OrderRequested(request=request),
        approved(order),
        accepted(),
        filled(order, 4),
        born("child"),
        adjusted("funding-1", -3),
        filled(order, 6, is_last=True),
        canceled(),
    ]
    for event in events:
        feed(book, event)
        assert feed(book, event) == []
    assert book.positions[LINEAR, PositionSide.NET].quantity == D(10)
    assert total(book) == D(9_997)


def test_a_fill_of_an_order_that_is_not_ours_changes_nothing() -> None:
    assert feed(make_book(), filled(make_order(order_id="stranger"), 1)) == []


def test_old_news_beyond_the_memory_is_ignored() -> None:
    book = make_book({"USDT": 10_000_000})
    orders = [make_order(order_id=f"o{n}", request_id=f"r{n}", quantity=D(2)) for n in range(ENDED_ORDERS_KEPT_MAX + 1)]
    for order in orders:
        begin(book, order)
        feed(book, canceled(order.order_id))
    assert feed(book, filled(orders[0], 1)) == []
    assert feed(book, filled(orders[1], 1)) != []
    assert len(book.ledger.ended) <= ENDED_ORDERS_KEPT_MAX
    assert len(book.ledger.legs) <= ENDED_ORDERS_KEPT_MAX


def test_an_order_of_the_venue_belongs_to_its_parent_but_keeps_no_request_pending() -> None:
    book = make_book()
    order = make_order()
    begin(book, order)
    feed(book, accepted(), born("child"))
    child = book.orders["child"]
    assert (child.status, child.request_id, child.reduce_only) == (OrderStatus.ACCEPTED, "request", True)
    assert reserved(book) == D(1_203)
    assert request_in(feed(book, filled(order, 10))).status is RequestStatus.FILLED
    assert not book.requests
    feed(book, filled(child, 10, 50_000))
    assert not book.positions
    assert total(book) == D(9_000)


def test_a_liquidation_comes_without_a_parent() -> None:
    book = make_book(None, held(LINEAR, 10))
    feed(book, born("liquidation", parent_id="", origin="liquidation", order_type=OrderType.MARKET))
    feed(book, filled(book.orders["liquidation"], 10, 48_000, fee=D("2.4")))
    assert (total(book), book.positions, book.orders) == (D("8797.6"), {}, {})


def test_funding_moves_cash_and_is_noted_on_the_position() -> None:
    book = make_book(None, held(LINEAR, 10))
    feed(book, adjusted("f1", -3), adjusted("f2", 1), adjusted("d1", 500, kind="deposit"))
    assert total(book) == D(10_498)
    assert book.positions[LINEAR, PositionSide.NET].funding == D(-2)


def test_adopting_the_view_of_the_venue_replaces_ours() -> None:
    book = make_book({"USDT": 100, "OKB": 5}, held(LINEAR, 10), held(INVERSE, -3))
    feed(book, ev.DriftFound(account_id=ACCOUNT, differences=("balance USDT: 100, venue 90",), at_ms=NOW_MS))
    assert book.drift
    again = ev.AccountAdopted(
        tenant=TENANT,
        account_id=ACCOUNT,
        position_mode=PositionMode.NET,
        balances={"USDT": D(90)},
        positions=(held(LINEAR, 4, margin_mode=MarginMode.ISOLATED, leverage=D(10)),),
        at_ms=NOW_MS,
    )
    feed(book, again)
    assert {currency: balance.total for currency, balance in book.balances.items()} == {"USDT": D(90), "OKB": ZERO}
    assert list(book.positions) == [(LINEAR, PositionSide.NET)]
    assert (reserved(book), book.drift, book.is_adopted) == (D(240), (), True)
    assert book.leverages[LINEAR, MarginMode.ISOLATED, PositionSide.NET] == D(10)
    assert feed(book, again) == []


def test_a_side_has_its_own_leverage_only_when_isolated_in_long_short_mode() -> None:
    net, hedged = make_book(), make_book(None, position_mode=PositionMode.LONG_SHORT)
    long = PositionSide.LONG
    assert hedged.leverage_key(LINEAR, MarginMode.ISOLATED, long)[2] is long
    assert hedged.leverage_key(LINEAR, MarginMode.CROSS, long)[2] is PositionSide.NET
    assert net.leverage_key(LINEAR, MarginMode.ISOLATED, long)[2] is PositionSide.NET


def test_recent_orders_remember_who_asked() -> None:
    book = make_book()
    begin(book, make_order(limit_price=D(50_000), order_type=OrderType.LIMIT, source_id="hook"))
    (recent,) = book.recent
    assert (recent.symbol, recent.side, recent.quantity, recent.limit_price) == (LINEAR, Side.BUY, D(10), D(50_000))
    assert (recent.request_id, recent.source, recent.at_ms) == ("request", "hook", NOW_MS)


def test_an_instrument_that_nobody_lists_halts_the_account() -> None:
    with pytest.raises(InvariantBroken, match="no instrument list has"):
        make_book().apply(approved(make_order()), {})
