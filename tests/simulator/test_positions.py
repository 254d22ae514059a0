"""Perpetual positions: linear and inverse, net and long/short, profit, margin, leverage."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.account import MarginMode, PositionMode, PositionSide
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side
from fairlead.simulator.account import PositionKey
from fairlead.simulator.events import LeverageChanged, PositionChanged
from fairlead.simulator.margin import liquidation_price
from fairlead.simulator.orders import CancelReason, Done, OrderStatus, Placed, Refused
from tests.simulator.member import INVERSE, LINEAR, SPOT, Member, key, quiet_exchange


@pytest.fixture
def ann() -> Member:
    return Member()


def hedger() -> Member:
    return Member(position_mode=PositionMode.LONG_SHORT)


def held(ann: Member, symbol: str = LINEAR) -> Decimal:
    position = ann.position(symbol)
    return ZERO if position is None else position.signed_quantity


def test_a_linear_round_trip_earns_quantity_times_move(ann: Member) -> None:
    bought = ann.buy(LINEAR, "100")
    ann.price(LINEAR, "60500")

    sold = ann.sell(LINEAR, "100")

    profit = (sold.average_price - bought.average_price) * 100 * Decimal("0.01")
    assert abs(sold.realized_pnl - profit) < Decimal("1e-9")
    assert ann.total() == Decimal(100000) + sold.realized_pnl - bought.fee - sold.fee
    assert ann.position() is None


def test_an_inverse_round_trip_earns_in_the_coin(ann: Member) -> None:
    sold = ann.sell(INVERSE, "100")
    ann.price(INVERSE, "59500")

    bought = ann.buy(INVERSE, "100")

    profit = Decimal(100) * 100 * (1 / bought.average_price - 1 / sold.average_price)
    assert abs(bought.realized_pnl - profit) < Decimal("1e-9")
    assert ann.total("BTC") == Decimal(10) + bought.realized_pnl - bought.fee - sold.fee


def test_fees_are_charged_on_the_notional_in_the_settle_currency(ann: Member) -> None:
    linear, inverse = ann.buy(LINEAR, "1"), ann.buy(INVERSE, "1")

    assert (linear.fee, linear.fee_currency) == (linear.average_price * Decimal("0.000005"), "USDT")
    assert abs(inverse.fee - Decimal("0.05") / inverse.average_price) <= Decimal("1e-12")
    assert inverse.fee_currency == "BTC"


def test_an_order_larger_than_the_position_turns_it_in_net_mode(ann: Member) -> None:
    ann.buy(LINEAR, "10")

    ann.sell(LINEAR, "15")

    position = ann.position()
    assert position is not None
    assert position.quantity == Decimal(-5)
    assert position.entry_price == ann.exchange.markets.quote(LINEAR).bid


def test_long_and_short_are_held_side_by_side_in_long_short_mode() -> None:
    ann = hedger()

    ann.buy(LINEAR, "10", position_side=PositionSide.LONG)
    ann.sell(LINEAR, "4", position_side=PositionSide.SHORT)

    rows = ann.exchange.accounts.positions("ann")
    assert [(row.position_side, row.quantity, row.signed_quantity) for row in rows] == [
        (PositionSide.LONG, Decimal(10), Decimal(10)),
        (PositionSide.SHORT, Decimal(4), Decimal(-4)),
    ]


def test_a_closing_order_in_long_short_mode_cannot_exceed_its_side() -> None:
    ann = hedger()
    ann.buy(LINEAR, "10", position_side=PositionSide.LONG)
    ann.sell(LINEAR, "6", position_side=PositionSide.LONG, price="61000")

    assert ann.refused(Side.SELL, LINEAR, "5", position_side=PositionSide.LONG) == "51112"
    assert ann.refused(Side.BUY, LINEAR, "1", position_side=PositionSide.SHORT) == "51169"
    assert ann.sell(LINEAR, "4", position_side=PositionSide.LONG).status is OrderStatus.FILLED


def test_a_reduce_only_order_is_refused_where_there_is_nothing_to_reduce(ann: Member) -> None:
    assert ann.refused(Side.SELL, LINEAR, "1", reduce_only=True) == "51169"
    ann.buy(LINEAR, "10")
    assert ann.refused(Side.BUY, LINEAR, "1", reduce_only=True) == "51170"
    assert ann.refused(Side.SELL, LINEAR, "11", reduce_only=True) == "51112"


def test_pending_reduce_only_orders_die_with_the_position(ann: Member) -> None:
    ann.buy(LINEAR, "10")
    order = ann.sell(LINEAR, "10", price="61000", reduce_only=True)

    ann.sell(LINEAR, "10")

    assert ann.order(order.venue_order_id).cancel_reason is CancelReason.POSITION_CLOSED


def test_reduce_only_orders_beyond_the_position_are_canceled_worst_price_first(ann: Member) -> None:
    ann.buy(LINEAR, "10")
    near = ann.sell(LINEAR, "6", price="60900", reduce_only=True)
    far = ann.sell(LINEAR, "6", price="61000", reduce_only=True)

    assert near.is_pending
    assert far.cancel_reason is CancelReason.REDUCE_ONLY


def test_a_position_closes_at_market_on_request(ann: Member) -> None:
    ann.sell(LINEAR, "10")
    blocking = ann.buy(LINEAR, "10", price="59000", reduce_only=True)

    answer = ann.exchange.close_position("ann", key(LINEAR), now_ms=ann.now_ms, auto_cancel=True)

    assert isinstance(answer, Placed)
    assert ann.position() is None
    assert not ann.order(blocking.venue_order_id).is_pending
    again = ann.exchange.close_position("ann", key(LINEAR), now_ms=ann.now_ms)
    assert isinstance(again, Refused)
    assert again.code == "51023"


def test_isolated_margin_is_set_aside_and_comes_back(ann: Member) -> None:
    ann.leverage(LINEAR, "10", MarginMode.ISOLATED)

    order = ann.buy(LINEAR, "100", margin_mode=MarginMode.ISOLATED)
    position = ann.position()
    assert position is not None
    assert position.margin == order.average_price * 100 * Decimal("0.01") / 10
    assert ann.available() == ann.total() - position.margin

    ann.sell(LINEAR, "100", margin_mode=MarginMode.ISOLATED)
    assert ann.available() == ann.total()


def test_closing_half_of_an_isolated_position_frees_half_of_its_margin(ann: Member) -> None:
    ann.buy(LINEAR, "100", margin_mode=MarginMode.ISOLATED)
    before = ann.position()

    ann.sell(LINEAR, "50", margin_mode=MarginMode.ISOLATED)

    after = ann.position()
    assert before is not None
    assert after is not None
    assert abs(after.margin - before.margin / 2) <= Decimal("1e-12")


def test_cross_margin_follows_the_mark(ann: Member) -> None:
    ann.buy(LINEAR, "300")

    ann.price(LINEAR, "59000")

    balance = ann.exchange.accounts.balance("ann", "USDT")
    assert balance.cross_initial_margin == Decimal(59000)
    assert balance.available == balance.total - Decimal(59000) + balance.unrealized_pnl


def test_an_order_beyond_the_margin_is_refused(ann: Member) -> None:
    largest = ann.exchange.accounts.max_order_quantity("ann", LINEAR, price=Decimal(59000))

    assert ann.refused(Side.BUY, LINEAR, str(largest.buy + Decimal("0.01")), price="59000") == "51008"
    assert ann.buy(LINEAR, str(largest.buy), price="59000").is_pending


@pytest.mark.parametrize("symbol", [LINEAR, INVERSE])
@pytest.mark.parametrize("side", list(Side))
def test_the_largest_market_order_is_taken(symbol: str, side: Side) -> None:
    ann = Member(balances={"USDT": "400000", "BTC": "10"})
    largest = ann.exchange.accounts.max_order_quantity("ann", symbol)

    order = ann.placed(ann.wish(side, symbol, str(largest.buy if side is Side.BUY else largest.sell)))

    assert order.status is OrderStatus.FILLED
    assert len(order.fills) > 1


def test_closing_needs_no_margin(ann: Member) -> None:
    largest = ann.exchange.accounts.max_order_quantity("ann", LINEAR)
    ann.buy(LINEAR, str(largest.buy - 1))

    assert ann.sell(LINEAR, str(largest.buy - 1), price="61000").is_pending


def test_an_order_that_would_have_closed_needs_margin_once_the_position_is_gone(ann: Member) -> None:
    ann.buy(LINEAR, "10")
    order = ann.sell(LINEAR, "10", price="61000")
    assert order.reserved == ZERO

    ann.sell(LINEAR, "10")

    assert ann.order(order.venue_order_id).reserved > Decimal(2000)


def test_an_order_that_would_have_closed_goes_if_there_is_no_margin_for_opening() -> None:
    ann = Member(balances={"USDT": "2005"})
    ann.buy(LINEAR, "10")
    orders = [ann.sell(LINEAR, "10", price="60010"), ann.sell(LINEAR, "10", price="60020")]

    ann.price(LINEAR, "60100")

    filled, second = (ann.order(order.venue_order_id) for order in orders)
    assert filled.status is OrderStatus.FILLED
    assert second.cancel_reason is CancelReason.BALANCE_USED_UP
    assert ann.position() is None


def test_lower_leverage_needs_more_margin(ann: Member) -> None:
    ann.buy(LINEAR, "300", margin_mode=MarginMode.ISOLATED)

    assert isinstance(ann.leverage(LINEAR, "2", MarginMode.ISOLATED), Done)
    position = ann.position()
    assert position is not None
    assert position.margin == position.entry_price * 300 * Decimal("0.01") / 2
    assert getattr(ann.leverage(LINEAR, "1", MarginMode.ISOLATED), "code", "") == "59109"
    assert any(isinstance(event, LeverageChanged) for event in ann.events())


def test_leverage_too_high_for_an_open_loss_is_refused(ann: Member) -> None:
    ann.buy(LINEAR, "100", margin_mode=MarginMode.ISOLATED)
    ann.price(LINEAR, "59000")

    assert getattr(ann.leverage(LINEAR, "100", MarginMode.ISOLATED), "code", "") == "59108"


def test_leverage_has_a_maximum_and_stands_still_while_orders_wait(ann: Member) -> None:
    assert getattr(ann.leverage(LINEAR, "101"), "code", "") == "59102"
    ann.buy(LINEAR, "1", price="59000")
    assert getattr(ann.leverage(LINEAR, "5"), "code", "") == "59107"
    ann.buy(LINEAR, "1", price="59000", margin_mode=MarginMode.ISOLATED)
    assert getattr(ann.leverage(LINEAR, "5", MarginMode.ISOLATED), "code", "") == "59101"


def test_isolated_leverage_is_per_side_in_long_short_mode() -> None:
    ann = hedger()
    isolated = MarginMode.ISOLATED

    ann.exchange.set_leverage("ann", LINEAR, Decimal(7), margin_mode=isolated, position_side=PositionSide.LONG)

    accounts = ann.exchange.accounts
    assert accounts.leverage("ann", LINEAR, isolated, PositionSide.LONG) == Decimal(7)
    assert accounts.leverage("ann", LINEAR, isolated, PositionSide.SHORT) == Decimal(3)


def test_the_position_mode_switches_only_when_nothing_is_open(ann: Member) -> None:
    ann.buy(LINEAR, "1")
    refusal = ann.exchange.set_position_mode("ann", PositionMode.LONG_SHORT)
    assert isinstance(refusal, Refused)
    assert refusal.code == "59000"

    ann.sell(LINEAR, "1")
    assert isinstance(ann.exchange.set_position_mode("ann", PositionMode.LONG_SHORT), Done)
    assert ann.refused(Side.BUY, LINEAR, "1") == "51000"


def test_one_member_never_sees_or_moves_anothers_position() -> None:
    exchange = quiet_exchange()
    ann, bob = Member(exchange, "ann"), Member(exchange, "bob")
    ann.buy(LINEAR, "5")
    before = exchange.records.dump_account("bob")

    ann.price(LINEAR, "59000")
    ann.sell(LINEAR, "5")
    ann.buy(SPOT, "1", price="58900")

    assert exchange.records.dump_account("bob") == before
    assert bob.events() == []


def test_the_published_sample_of_okx_is_met() -> None:
    exchange = quiet_exchange()
    instrument = exchange.instruments["ETH-USD-SWAP"]

    price = liquidation_price(
        instrument, Decimal(1), Decimal("2566.31"), Decimal("0.00038966"), Decimal("0.008") + Decimal("0.0005")
    )

    assert price is not None
    assert abs(price - Decimal("2352.8497")) < Decimal("0.05")


fills = st.lists(
    st.tuples(st.booleans(), st.integers(min_value=1, max_value=40), st.integers(min_value=55_000, max_value=65_000)),
    min_size=1,
    max_size=12,
)


@given(fills, st.sampled_from([LINEAR, INVERSE]), st.sampled_from([MarginMode.CROSS, MarginMode.ISOLATED]))
def test_realized_and_open_profit_add_up_to_the_cash_flow_of_all_fills(
    steps: list[tuple[bool, int, int]], symbol: str, margin_mode: MarginMode
) -> None:
    ann = Member(balances={"USDT": "100000000", "BTC": "10000"})
    flow = quantity = ZERO
    for is_buy, size, price in steps:
        ann.price(symbol, str(price))
        side = Side.BUY if is_buy else Side.SELL
        order = ann.placed(ann.wish(side, symbol, str(size), margin_mode=margin_mode))
        for fill in order.fills:
            signed = fill.quantity if is_buy else -fill.quantity
            quantity += signed
            flow += signed / fill.price if symbol == INVERSE else -signed * fill.price

    mark = ann.exchange.markets.quote(symbol).mark
    contract_value = ann.exchange.instruments[symbol].contract_value
    worth = (flow - quantity / mark if symbol == INVERSE else flow + quantity * mark) * contract_value
    currency = "BTC" if symbol == INVERSE else "USDT"
    opening = Decimal(10000) if symbol == INVERSE else Decimal(100000000)
    balance = ann.exchange.accounts.balance("ann", currency)
    fees = sum((order.fee for order in ann.exchange.accounts.finished_orders("ann")), ZERO)
    assert held(ann, symbol) == quantity
    assert abs(balance.equity - (opening + worth - fees)) < Decimal("1e-9")


@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(1, 30), st.booleans(), st.integers(-20, 20), st.booleans()),
        max_size=25,
    )
)
def test_a_reduce_only_fill_never_adds_to_a_position_nor_turns_it(
    steps: list[tuple[bool, int, bool, int, bool]],
) -> None:
    ann = Member(quiet_exchange(flow_percent=100), balances={"USDT": "10000000"})
    reducing: dict[str, bool] = {}
    before = ZERO
    for is_buy, size, reduce_only, offset, is_market in steps:
        mid = ann.exchange.markets.quote(LINEAR).mid
        price = (mid + offset).quantize(Decimal("0.1"))
        side = Side.BUY if is_buy else Side.SELL
        wish = ann.wish(side, LINEAR, str(size), price=None if is_market else str(price), reduce_only=reduce_only)
        reducing[wish.client_order_id] = reduce_only
        ann.place(wish)
        ann.price(LINEAR, str((mid + offset).quantize(Decimal("0.1"))))
        ann.wait(250)
        last_id = ""
        for event in ann.events():
            last_id = getattr(event, "client_order_id", last_id)
            if isinstance(event, PositionChanged):
                if reducing[last_id]:
                    assert abs(event.quantity) < abs(before)
                    assert event.quantity == ZERO or (event.quantity > ZERO) is (before > ZERO)
                before = event.quantity


def test_a_position_key_names_instrument_margin_and_side() -> None:
    assert key(LINEAR) == PositionKey(LINEAR, MarginMode.CROSS, PositionSide.NET)
