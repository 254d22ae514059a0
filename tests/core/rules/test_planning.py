from __future__ import annotations

import pytest

from fairlead.core.model import events as ev
from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.ids import client_order_id
from fairlead.core.model.instrument import InstrumentState
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import OrderStatus
from fairlead.core.model.reports import ReportBorn
from fairlead.core.model.request import CancelOrders, Enter, OrderType, Side, SizeUnit, TimeInForce
from fairlead.core.rules.margin import LEVERAGE_DEFAULT
from fairlead.core.rules.plan import CancelPlan
from fairlead.core.rules.planning import plan_request
from tests.core.rules.trading_world import (
    ACCOUNT,
    INSTRUMENTS,
    INVERSE,
    LINEAR,
    NOW_MS,
    SPOT,
    D,
    accepted,
    ask,
    begin,
    buy,
    feed,
    held,
    make_book,
    make_instrument,
    make_order,
    make_quote,
    make_request,
    make_view,
    nothing_of,
    plan_of,
    quantities,
    refusal_of,
    sell,
)

PERCENT, BASE, QUOTE, CONTRACTS = SizeUnit.PERCENT, SizeUnit.BASE, SizeUnit.QUOTE, SizeUnit.CONTRACTS


def test_a_percentage_of_cash_is_spent_as_a_quote_amount() -> None:
    (leg,) = plan_of(ask(make_view(make_book()), SPOT, buy(50, PERCENT))).legs
    assert (leg.quantity, leg.in_quote, leg.order_type) == (D(5_000), True, OrderType.MARKET)
    assert (leg.margin_mode, leg.position_side, leg.leverage) == (MarginMode.CASH, PositionSide.NET, D(1))


def test_a_plan_explains_its_steps_in_words() -> None:
    plan = plan_of(ask(make_view(make_book()), SPOT, buy(50, PERCENT)))
    lines = [(line.label, line.formula, line.result) for line in plan.sizing]
    assert ("to spend", "50 % of 10,000 USDT available", "5,000 USDT") in lines
    assert ("about", "at the best ask of 60,000", "0.08333333 BTC") in lines


def test_a_limit_buy_of_a_percentage_is_sized_in_base_at_its_limit() -> None:
    view = make_view(make_book())
    (leg,) = plan_of(ask(view, SPOT, buy(50, PERCENT), order_type=OrderType.LIMIT, limit_price=D("50000.07"))).legs
    assert (leg.quantity, leg.in_quote, leg.limit_price) == (D("0.1"), False, D(50_000))


def test_all_of_a_coin_is_sold_and_dust_is_told() -> None:
    plan = plan_of(ask(make_view(make_book({"BTC": "0.123456789"})), SPOT, sell(100, PERCENT)))
    assert [leg.quantity for leg in plan.legs] == [D("0.12345678")]
    assert plan.sizing[-1].label == "dust"
    assert plan.sizing[-1].result == "0.000000009 BTC"


def test_w09_the_same_amount_buys_and_sells_the_same_base_quantity() -> None:
    view = make_view(make_book({"USDT": 100_000, "BTC": 5}))
    bought, sold = quantities(ask(view, SPOT, buy("0.1"))), quantities(ask(view, SPOT, sell("0.1")))
    assert bought == sold == [D("0.1")]
    assert "BTC" in plan_of(ask(view, SPOT, sell("0.1"))).sizing[-1].result


def test_a_quote_amount_spends_itself_and_sells_its_worth() -> None:
    view = make_view(make_book({"USDT": 100_000, "BTC": 5}))
    (bought,) = plan_of(ask(view, SPOT, buy(600, QUOTE))).legs
    assert (bought.quantity, bought.in_quote) == (D(600), True)
    (sold,) = plan_of(ask(view, SPOT, sell(600, QUOTE))).legs
    assert (sold.quantity, sold.in_quote) == (D("0.01"), False)


@pytest.mark.parametrize(
    ("symbol", "intent", "contracts"),
    [
        (LINEAR, buy("0.1", BASE), "10"),
        (LINEAR, buy(1_000, QUOTE), "1.66"),
        (LINEAR, buy("2.5"), "2.5"),
        (INVERSE, sell(1_050, QUOTE), "10"),
        (INVERSE, buy("0.02", BASE), "12"),
        (INVERSE, buy("3.7", CONTRACTS), "3"),
    ],
)
def test_sizes_of_perpetuals_become_contracts(symbol: str, intent: Enter, contracts: str) -> None:
    view = make_view(make_book({"USDT": 10_000, "BTC": 1}))
    assert quantities(ask(view, symbol, intent)) == [D(contracts)]


def test_a_percentage_of_a_perpetual_is_of_what_the_account_can_open() -> None:
    view = make_view(make_book())
    whole, half = quantities(ask(view, LINEAR, buy(100, PERCENT))), quantities(ask(view, LINEAR, buy(50, PERCENT)))
    # 10,000 x 5 / (0.01 x 60,300 x 1.0025), a market order counted half a percent beyond the touch.
    assert (whole, half) == ([D("82.71")], [D("41.35")])


def test_limit_orders_are_counted_at_their_limit() -> None:
    view = make_view(make_book())
    terms = {"order_type": OrderType.LIMIT, "limit_price": D(50_000)}
    assert quantities(ask(view, LINEAR, buy(100, PERCENT), **terms)) == [D("99.75")]


@pytest.mark.parametrize(
    ("symbol", "intent"),
    [
        (LINEAR, buy("0.00005", BASE)),
        (LINEAR, buy("0.009")),
        (INVERSE, buy("0.9")),
        (SPOT, buy("0.000009")),
        (SPOT, buy("0.5", QUOTE)),
        (SPOT, sell("0.000009")),
        (SPOT, sell("0.0001", PERCENT)),
    ],
)
def test_w17_what_is_below_the_least_order_is_refused_with_the_numbers(symbol: str, intent: Enter) -> None:
    refusal = refusal_of(ask(make_view(make_book({"USDT": 10_000, "BTC": 1})), symbol, intent))
    assert refusal.reason_code == "below_min_size"
    assert set(refusal.numbers) == {"quantity", "quantity_min"}
    assert "below the least order" in refusal.message
    assert refusal.lines


def test_what_is_worth_too_little_is_refused() -> None:
    instruments = {**INSTRUMENTS, SPOT: make_instrument(SPOT, notional_min=D(5))}
    view = make_view(make_book(), instruments=instruments)
    assert refusal_of(ask(view, SPOT, buy("0.00005"))).reason_code == "below_min_notional"
    assert quantities(ask(view, SPOT, buy("0.0001"))) == [D("0.0001")]


@pytest.mark.parametrize(
    ("symbol", "intent"),
    [
        (SPOT, buy("0.2")),
        (SPOT, buy(10_001, QUOTE)),
        (SPOT, sell("1.01")),
        (LINEAR, buy(90)),
        (LINEAR, sell(90)),
        (INVERSE, sell(5_000)),
    ],
)
def test_w17_what_the_account_cannot_pay_is_refused_or_capped(symbol: str, intent: Enter) -> None:
    view = make_view(make_book({"USDT": 10_000, "BTC": 1}))
    assert refusal_of(ask(view, symbol, intent)).reason_code == "insufficient_balance"
    plan = plan_of(ask(view, symbol, intent, cap_to_available=True))
    assert "capped" in {line.label for line in plan.sizing}
    assert ZERO < plan.legs[0].quantity < intent.size.amount


def test_a_large_order_is_split_into_orders_with_ids_of_their_own() -> None:
    view = make_view(make_book({"USDT": 100_000_000}))
    plan = plan_of(ask(view, LINEAR, buy(30_000)))
    assert [leg.quantity for leg in plan.legs] == [D(12_000), D(12_000), D(6_000)]
    ids = [client_order_id(cause_at_ms=NOW_MS, request="request", leg=leg) for leg in range(3)]
    assert [leg.order_id for leg in plan.legs] == ids
    assert plan.sizing[-1].result == "12,000 + 12,000 + 6,000"
    terms = {"order_type": OrderType.LIMIT, "limit_price": D(60_000)}
    assert quantities(ask(view, LINEAR, buy(30_000), **terms)) == [D(30_000)]


def test_a_quote_amount_is_split_by_what_it_buys() -> None:
    instruments = {**INSTRUMENTS, SPOT: make_instrument(SPOT, market_quantity_max=D("0.1"))}
    view = make_view(make_book({"USDT": 100_000}), instruments=instruments)
    assert quantities(ask(view, SPOT, buy(15_000, QUOTE))) == [D(6_000), D(6_000), D(3_000)]


def test_too_many_parts_are_refused() -> None:
    instruments = {**INSTRUMENTS, LINEAR: make_instrument(LINEAR, market_quantity_max=D(1))}
    view = make_view(make_book({"USDT": 1_000_000}), instruments=instruments)
    assert refusal_of(ask(view, LINEAR, buy(41))).reason_code == "too_many_legs"
    assert len(plan_of(ask(view, LINEAR, buy(40))).legs) == 40


def test_later_parts_of_a_request_continue_its_numbers() -> None:
    request = make_request(LINEAR, buy(1), margin_mode=MarginMode.CROSS)
    plan = plan_request(request, make_view(make_book()), first_leg=2, deadline_ms=NOW_MS + 9)
    (leg,) = plan_of(plan).legs
    assert (leg.leg, leg.order_id) == (2, client_order_id(cause_at_ms=NOW_MS, request="request", leg=2))
    assert (leg.status, leg.deadline_ms, leg.created_ms) == (OrderStatus.IN_FLIGHT, NOW_MS + 9, NOW_MS)


def test_planning_twice_gives_the_same_orders_and_changes_nothing() -> None:
    view = make_view(make_book())
    before = dict(view.book.balances)
    assert ask(view, LINEAR, buy(50, PERCENT)) == ask(view, LINEAR, buy(50, PERCENT))
    assert (view.book.balances, view.book.orders) == (before, {})


def test_the_reference_price_is_the_side_of_the_book_that_is_taken() -> None:
    quotes = {LINEAR: make_quote(LINEAR, D(59_999), D(60_001))}
    view = make_view(make_book(), quotes)
    assert plan_of(ask(view, LINEAR, buy(1))).legs[0].reference_price == D(60_001)
    assert plan_of(ask(view, LINEAR, sell(1))).legs[0].reference_price == D(59_999)


def test_prices_are_put_on_ticks_on_the_safe_side() -> None:
    view = make_view(make_book())
    prices = {"limit_price": D("60000.07"), "stop_loss_price": D("50000.07"), "take_profit_price": D("70000.07")}
    (leg,) = plan_of(ask(view, LINEAR, buy(1), order_type=OrderType.LIMIT, **prices)).legs
    assert (leg.limit_price, leg.stop_loss_price, leg.take_profit_price) == (D(60_000), D(50_000), D("70000.1"))
    (leg,) = plan_of(ask(view, LINEAR, sell(1), order_type=OrderType.LIMIT, **prices)).legs
    assert (leg.limit_price, leg.stop_loss_price, leg.take_profit_price) == (D("60000.1"), D("50000.1"), D(70_000))


def test_flags_go_along_where_they_mean_something() -> None:
    view = make_view(make_book())
    terms = {"post_only": True, "time_in_force": TimeInForce.GTC, "limit_price": D(59_000)}
    assert plan_of(ask(view, LINEAR, buy(1), order_type=OrderType.LIMIT, **terms)).legs[0].post_only
    market = plan_of(ask(view, LINEAR, buy(1), **terms)).legs[0]
    assert (market.post_only, market.limit_price) == (False, None)


def test_leverage_is_set_only_when_it_differs() -> None:
    book = make_book()
    (change,) = plan_of(ask(make_view(book), LINEAR, buy(1))).leverage_changes
    assert (change.symbol, change.margin_mode, change.leverage) == (LINEAR, MarginMode.CROSS, D(5))
    assert change.position_side is PositionSide.NET
    book.leverages[LINEAR, MarginMode.CROSS, PositionSide.NET] = D(5)
    assert plan_of(ask(make_view(book), LINEAR, buy(1))).leverage_changes == ()
    assert len(plan_of(ask(make_view(book), LINEAR, buy(1), leverage=D(6))).leverage_changes) == 1
    (leg,) = plan_of(ask(make_view(book), LINEAR, buy(1), leverage=None)).legs
    assert leg.leverage == D(5)
    (leg,) = plan_of(ask(make_view(make_book()), LINEAR, buy(1), leverage=None)).legs
    assert leg.leverage == LEVERAGE_DEFAULT


def test_a_leverage_beyond_the_instrument_is_refused() -> None:
    view = make_view(make_book())
    refusal = refusal_of(ask(view, LINEAR, buy(1), leverage=D(101)))
    assert (refusal.reason_code, refusal.numbers["leverage_max"]) == ("leverage_above_max", "100")
    assert refusal_of(ask(view, LINEAR, buy(1), leverage=ZERO)).reason_code == "leverage_invalid"


def test_margin_modes_are_named_and_not_mixed() -> None:
    for mode in (None, MarginMode.CASH):
        assert refusal_of(ask(make_view(make_book()), LINEAR, buy(1), margin_mode=mode)).reason_code == (
            "margin_mode_missing"
        )
    isolated = make_view(make_book(None, held(LINEAR, 1, margin_mode=MarginMode.ISOLATED)))
    assert refusal_of(ask(isolated, LINEAR, buy(1))).reason_code == "margin_mode_conflict"


def test_entries_choose_their_side_in_long_short_mode() -> None:
    view = make_view(make_book(position_mode=PositionMode.LONG_SHORT))
    terms = {"margin_mode": MarginMode.ISOLATED}
    plan = plan_of(ask(view, LINEAR, buy(1), **terms))
    assert plan.legs[0].position_side is PositionSide.LONG
    assert plan.leverage_changes[0].position_side is PositionSide.LONG
    assert plan_of(ask(view, LINEAR, sell(1), **terms)).legs[0].position_side is PositionSide.SHORT


@pytest.mark.parametrize("symbol", ["DOGE-USDT", LINEAR, SPOT])
def test_no_order_without_an_instrument_and_a_price(symbol: str) -> None:
    known = symbol in INSTRUMENTS
    refusal = refusal_of(ask(make_view(make_book(), {}), symbol, buy(1)))
    assert refusal.reason_code == ("quote_missing" if known else "instrument_unknown")


def test_a_suspended_instrument_takes_no_orders() -> None:
    instruments = {LINEAR: make_instrument(LINEAR, state=InstrumentState.SUSPENDED)}
    view = make_view(make_book(None), instruments=instruments)
    assert refusal_of(ask(view, LINEAR, buy(1))).reason_code == "instrument_suspended"


@pytest.mark.parametrize(
    ("changes", "reason_code"),
    [
        ({"order_type": OrderType.LIMIT}, "limit_price_missing"),
        ({"order_type": OrderType.LIMIT, "limit_price": ZERO}, "limit_price_missing"),
        ({"order_type": OrderType.STOP_MARKET}, "order_type_not_available"),
    ],
)
def test_orders_that_cannot_be_formed_are_refused(changes: dict[str, object], reason_code: str) -> None:
    assert refusal_of(ask(make_view(make_book()), LINEAR, buy(1), **changes)).reason_code == reason_code


@pytest.mark.parametrize("intent", [buy(0), buy(-1), buy(101, PERCENT), buy(0, PERCENT)])
def test_sizes_that_make_no_sense_are_refused(intent: Enter) -> None:
    assert refusal_of(ask(make_view(make_book()), LINEAR, intent)).reason_code == "size_invalid"


def test_contracts_are_no_unit_of_spot() -> None:
    for intent in (buy(1, CONTRACTS), sell(1, CONTRACTS)):
        assert refusal_of(ask(make_view(make_book({"USDT": 1, "BTC": 9})), SPOT, intent)).reason_code == "size_invalid"


def test_cash_behind_a_position_without_a_price_is_not_guessed() -> None:
    view = make_view(make_book(None, held(LINEAR, 1)), {SPOT: make_quote(SPOT, D(60_000), D(60_000))})
    assert refusal_of(ask(view, SPOT, buy(1, PERCENT))).reason_code == "equity_unknown"


def test_reserved_cash_is_not_spent_twice() -> None:
    book = make_book()
    begin(book, make_order(SPOT, quantity=D("0.1")))
    assert quantities(ask(make_view(book), SPOT, buy(100, PERCENT))) == [D(4_000)]


def test_cancel_covers_our_orders_and_leaves_protection_alone() -> None:
    book = make_book({"USDT": 100_000})
    for name in ("a", "b"):
        begin(book, make_order(order_id=name, request_id=name, order_type=OrderType.LIMIT, limit_price=D(50_000)))
        feed(book, accepted(name))
    begin(book, make_order(SPOT, order_id="c", request_id="c", quantity=D("0.1")))
    feed(book, protection("child"))
    view = make_view(book)
    everything = ask(view, LINEAR, CancelOrders())
    assert isinstance(everything, CancelPlan)
    assert [order.order_id for order in everything.orders] == ["a", "b"]
    named = ask(view, LINEAR, CancelOrders(order_ids=("b", "child", "c")))
    assert isinstance(named, CancelPlan)
    assert [order.order_id for order in named.orders] == ["b", "child"]
    assert nothing_of(ask(view, INVERSE, CancelOrders())).reason_code == "nothing_to_cancel"


def protection(order_id: str) -> ev.VenueOrderBorn:
    report = ReportBorn(
        order_id=order_id,
        venue_order_id="v",
        parent_id="a",
        origin="protection",
        symbol=LINEAR,
        side=Side.SELL,
        position_side=PositionSide.NET,
        margin_mode=MarginMode.CROSS,
        order_type=OrderType.STOP_MARKET,
        quantity=D(10),
        stop_loss_price=D(50_000),
        take_profit_price=None,
        at_ms=NOW_MS,
    )
    return ev.VenueOrderBorn(account_id=ACCOUNT, report=report)


@pytest.mark.parametrize(
    ("symbol", "intent", "balances"),
    [
        (SPOT, buy(50, SizeUnit.PERCENT), {"USDT": "0"}),
        (SPOT, buy(50, SizeUnit.PERCENT), {"USDT": "0.5"}),
        (SPOT, sell(50, SizeUnit.PERCENT), {"USDT": "100"}),
        (LINEAR, buy(50, SizeUnit.PERCENT), {"USDT": "0"}),
        (INVERSE, sell(100, SizeUnit.PERCENT), {"USDT": "10000"}),
    ],
)
def test_a_share_of_nothing_lacks_funds_and_not_size(symbol: str, intent: Enter, balances: dict[str, str]) -> None:
    refusal = refusal_of(ask(make_view(make_book(balances)), symbol, intent))
    assert refusal.reason_code == "insufficient_balance"
    assert set(refusal.numbers) == {"available", "quantity_available", "quantity_min"}
    capped = refusal_of(ask(make_view(make_book({})), LINEAR, buy(1), cap_to_available=True))
    assert capped.reason_code == "insufficient_balance"


def test_a_small_share_of_enough_is_below_the_least_order() -> None:
    refusal = refusal_of(ask(make_view(make_book()), LINEAR, buy("0.001", SizeUnit.PERCENT)))
    assert refusal.reason_code == "below_min_size"
