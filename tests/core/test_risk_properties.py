"""What holds for every account and every set of limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model import events as ev
from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.loss import LossStanding
from fairlead.core.model.order import ApprovedOrder, Fill, Liquidity, Order
from fairlead.core.model.request import OrderType, Side
from fairlead.core.model.risk import CheckCode, CheckOutcome, ReasonCode, RiskLimits, RiskVerdict, TradingState
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.risk import Denied, check_order, check_orders, merge_limits
from fairlead.core.rules.risk_checks.limits import DIRECTIONS
from tests.core import risk_world as world
from tests.core.risk_world import ETHER, INSTRUMENTS, INVERSE, LINEAR, NOW_MS, SPOT, D

Key = TypeVar("Key")
Value = TypeVar("Value")
# Tested on their own (test_risk_history.py and its neighbours).
LATER = set(list(CheckCode)[list(CheckCode).index(CheckCode.STREAK) :])
PERPETUALS = (LINEAR, INVERSE, ETHER)


def amounts(least: str, most: str, places: int = 2) -> st.SearchStrategy[Decimal]:
    return st.decimals(D(least), D(most), places=places, allow_nan=False, allow_infinity=False)


@st.composite
def limits(draw: st.DrawFn) -> RiskLimits:
    # Few at a time, or hardly any order would pass.
    fields = draw(st.lists(st.sampled_from(RiskLimits.__struct_fields__), max_size=4, unique=True))
    return msgspec.structs.replace(RiskLimits(), **{field: draw(_values(field)) for field in fields})


BLACKOUTS = ("Mon 00:00 + 60 min", "Fri 08:00 + 60 min", "2027-01-15T07:00Z + 120 min")
CLUSTERS = (("BTC", "ETH"), ("DOGE",), ("BTC",))


def _values(field: str) -> st.SearchStrategy[Any]:
    if field in {"blackouts", "clusters"}:
        parts = BLACKOUTS if field == "blackouts" else CLUSTERS
        return st.sets(st.sampled_from(parts)).map(lambda found: tuple(sorted(found)))
    if field.endswith("_ms"):
        return st.integers(1, 10_000)
    if field in {
        "orders_burst_max",
        "orders_per_minute_per_symbol_max",
        "open_positions_max",
        "open_orders_max",
        "streak_losses_max",
        "repeat_orders_max",
    }:
        return st.integers(1, 8)
    if field == "order_notional_max_usd":
        return amounts("0", "5000")
    if field in {"price_collar", "price_collar_passive", "liquidation_distance_min"}:
        return amounts("0", "0.9", places=3)
    return amounts("0", "5")


@st.composite
def orders(draw: st.DrawFn, order_id: str = "o1") -> Order:
    symbol = draw(st.sampled_from((SPOT, *PERPETUALS)))
    side = draw(st.sampled_from(Side))
    quantity = draw(amounts("0.01", "0.3")) if symbol == SPOT else Decimal(draw(st.integers(1, 12)))
    changes: dict[str, object] = {"order_id": order_id, "side": side, "quantity": quantity}
    if symbol != SPOT:
        changes["leverage"] = Decimal(draw(st.integers(1, 10)))
        changes["margin_mode"] = draw(st.sampled_from((MarginMode.CROSS, MarginMode.ISOLATED)))
        changes["reduce_only"] = draw(st.booleans())
    if draw(st.booleans()):
        center = 2_500 if symbol == ETHER else 50_000
        changes["order_type"] = OrderType.LIMIT
        changes["limit_price"] = Decimal(draw(st.integers(center * 9 // 10, center * 11 // 10)))
    return world.order(symbol, **changes)


@st.composite
def holdings(draw: st.DrawFn) -> list[world.Held]:
    held: list[world.Held] = [
        world.balance("USDT", str(draw(amounts("1000", "100000")))),
        world.balance("BTC", str(draw(amounts("0", "1")))),
    ]
    for symbol in draw(st.sets(st.sampled_from(PERPETUALS))):
        quantity = draw(st.integers(-15, 15).filter(bool))
        held.append(world.position(symbol, quantity))
    held += [draw(orders(order_id=f"open{n}")) for n in range(draw(st.integers(0, 4)))]
    ages = sorted(draw(st.lists(st.integers(0, 20_000), max_size=6)), reverse=True)
    held += [world.recent(age, symbol=draw(st.sampled_from((SPOT, LINEAR)))) for age in ages]
    return held


def tighten(draw: st.DrawFn, given_limits: RiskLimits) -> RiskLimits:
    field = draw(st.sampled_from(sorted(DIRECTIONS)))
    value, before = draw(_values(field)), getattr(given_limits, field)
    if before is not None:
        value = getattr(merge_limits(_only(field, value), _only(field, before)), field)
    return msgspec.structs.replace(given_limits, **{field: value})


def _only(field: str, value: object) -> RiskLimits:
    return msgspec.structs.replace(RiskLimits(), **{field: value})


@given(st.data(), holdings(), limits(), orders())
def test_a_tighter_limit_never_allows_more(
    data: st.DataObject,
    held: list[world.Held],
    loose: RiskLimits,
    order: Order,
) -> None:
    tight = data.draw(st.composite(tighten)(loose))
    if isinstance(check_order(order, world.request(), world.view(*held, limits=tight)), ApprovedOrder):
        assert isinstance(check_order(order, world.request(), world.view(*held, limits=loose)), ApprovedOrder)


@given(holdings(), limits(), limits(), orders())
def test_merged_limits_allow_no_more_than_each_scope(
    held: list[world.Held],
    one: RiskLimits,
    other: RiskLimits,
    order: Order,
) -> None:
    if isinstance(check_order(order, world.request(), world.view(*held, limits=merge_limits(one, other))), Denied):
        return
    for scope in (one, other):
        assert isinstance(check_order(order, world.request(), world.view(*held, limits=scope)), ApprovedOrder)


@given(st.data(), holdings(), limits())
def test_no_limit_ever_keeps_anybody_from_reducing(
    data: st.DataObject,
    held: list[world.Held],
    any_limits: RiskLimits,
) -> None:
    symbol = data.draw(st.sampled_from(PERPETUALS))
    quantity = data.draw(st.integers(-15, 15).filter(bool))
    close = world.order(
        symbol,
        side=Side.SELL if quantity > 0 else Side.BUY,
        quantity=Decimal(data.draw(st.integers(1, abs(quantity)))),
        reduce_only=True,
    )
    state = data.draw(st.sampled_from((TradingState.ACTIVE, TradingState.REDUCING)))
    view = world.view(
        *held,
        world.position(symbol, quantity),
        limits=any_limits,
        latches=("account",),
        trading_state=state,
        quotes=data.draw(st.sampled_from(({}, world.quotes()))),
    )
    stale = world.request(cause_at_ms=0, valid_until_ms=1)
    assert isinstance(check_order(close, stale, view), ApprovedOrder)


@given(holdings(), limits(), orders())
def test_a_verdict_follows_from_its_inputs_alone(held: list[world.Held], any_limits: RiskLimits, order: Order) -> None:
    first = check_order(order, world.request(), world.view(*held, limits=any_limits))
    turned = world.view(*held, limits=any_limits)
    _turn(turned.book.orders)
    _turn(turned.book.positions)
    _turn(turned.book.balances)
    second = check_order(order, world.request(), turned)
    assert type(first) is type(second)
    assert first.verdict == second.verdict
    for wire in (msgspec.json, msgspec.msgpack):
        assert wire.decode(wire.encode(first.verdict), type=RiskVerdict) == first.verdict
        assert wire.encode(first.verdict) == wire.encode(second.verdict)


def _turn(shelf: dict[Key, Value]) -> None:
    items = list(shelf.items())
    shelf.clear()
    shelf.update(reversed(items))


@given(holdings(), limits(), orders())
def test_every_check_is_reported_and_the_verdict_is_their_sum(
    held: list[world.Held],
    any_limits: RiskLimits,
    order: Order,
) -> None:
    outcome = check_order(order, world.request(), world.view(*held, limits=any_limits))
    assert list(dict.fromkeys(check.code for check in outcome.verdict.checks)) == list(CheckCode)
    assert outcome.verdict.approved is isinstance(outcome, ApprovedOrder)
    assert outcome.verdict.approved is not bool(outcome.verdict.denials)
    for check in outcome.verdict.checks:
        assert (check.reason_code is not ReasonCode.NONE) is (check.outcome is CheckOutcome.DENY)


def test_an_order_with_ten_faults_names_ten() -> None:
    order = world.order(
        LINEAR, quantity=D("40.005"), leverage=D(50), stop_loss_price=D(51_000), margin_mode=MarginMode.ISOLATED
    )
    own = world.limit_order(LINEAR, 50_000, order_id="own", side=Side.SELL, quantity=D(1))
    again = world.recent(10, symbol=LINEAR, quantity=D("40.005"))
    outcome = check_order(
        order,
        world.request(cause_at_ms=NOW_MS - 20_000),
        world.view(
            own,
            again,
            world.balance("USDT", 300),
            latches=("user",),
            quotes={LINEAR: world.quote(LINEAR, D(50_000), at_ms=NOW_MS - 5_000, mark=D(40_000))},
            quote_age_max_ms=2_000,
            signal_age_max_ms=10_000,
            duplicate_window_ms=5_000,
            orders_per_second_max=D(1),
            orders_burst_max=1,
            orders_per_minute_per_symbol_max=1,
            order_notional_max_usd=D(1_000),
            price_collar=D("0.01"),
            position_equity_share_max_perpetual=D(1),
            gross_exposure_max=D(1),
            net_exposure_max=D(1),
            exposure_leverage_max=D(1),
            leverage_max=D(5),
            liquidation_distance_min=D("0.1"),
            open_positions_max=0,
            open_orders_max=1,
            losses=LossStanding(),
            day_loss_reduce=D("0.03"),
            week_loss_halve=D("0.07"),
            month_loss_halt=D("0.15"),
        ),
    )
    assert {check.code for check in outcome.verdict.denials} == set(CheckCode) - {CheckCode.STATE} - LATER


# --- filled and pending


def approve(book: AccountBook, approved: ApprovedOrder) -> None:
    book.apply(
        ev.OrderApproved(order=approved.order, verdict=approved.verdict, sizing=()),
        INSTRUMENTS,
    )


@pytest.mark.parametrize("field", ["position_equity_share_max_perpetual", "gross_exposure_max", "net_exposure_max"])
def test_of_ten_parallel_requests_at_a_limit_for_one_one_passes(field: str) -> None:
    limits_for_one = msgspec.structs.replace(RiskLimits(), **{field: D("0.1")})
    view = world.view(limits=limits_for_one)
    passed = 0
    for n in range(10):
        order = world.order(LINEAR, order_id=f"o{n}", request_id=f"r{n}")
        outcome = check_order(order, world.request(request_id=f"r{n}"), view)
        if isinstance(outcome, ApprovedOrder):
            passed += 1
            approve(view.book, outcome)
    assert passed == 1


@given(st.lists(orders(), min_size=1, max_size=12), amounts("0.05", "2"))
def test_no_sequence_leaves_a_position_above_its_limit(sequence: list[Order], share: Decimal) -> None:
    view = world.view(
        world.balance("BTC", 1),
        position_equity_share_max_perpetual=share,
        gross_exposure_max=D(6),
        quotes=world.quotes(),
    )
    equity = D(60_000)
    for n, drawn in enumerate(sequence):
        order = msgspec.structs.replace(drawn, order_id=f"o{n}", request_id=f"r{n}")
        outcome = check_order(order, world.request(request_id=f"r{n}"), view)
        if isinstance(outcome, ApprovedOrder):
            approve(view.book, outcome)
    # The worst that can happen: all that opens fills, at the price it was judged by, and nothing that closes.
    for order in sorted(view.book.orders.values(), key=lambda one: (one.reduce_only, one.order_id)):
        if not order.reduce_only and order.symbol in {LINEAR, ETHER}:
            _fill(view.book, order)
    worth = {LINEAR: D(500), ETHER: D(250)}
    for (symbol, _), position in view.book.positions.items():
        assert abs(position.quantity) * worth[symbol] <= share * equity


def _fill(book: AccountBook, order: Order) -> None:
    fill = Fill(
        trade_id=f"t{order.order_id}",
        order_id=order.order_id,
        symbol=order.symbol,
        price=order.reference_price,
        quantity=order.quantity,
        fee=D(0),
        fee_currency="USDT",
        liquidity=Liquidity.TAKER,
        at_ms=NOW_MS,
    )
    book.apply(ev.OrderFilled(account_id="a1", fill=fill, is_last=True), INSTRUMENTS)


def test_each_leg_is_checked_with_the_legs_before_it_reserved() -> None:
    legs = [world.order(LINEAR, order_id=f"o{n}", leg=n, quantity=D(2)) for n in range(3)]
    outcomes = check_orders(legs, world.request(), world.view(gross_exposure_max=D("0.2"), duplicate_window_ms=5_000))
    assert [isinstance(outcome, ApprovedOrder) for outcome in outcomes] == [True, True, False]


def test_a_denied_leg_reserves_nothing() -> None:
    legs = [world.order(LINEAR, order_id=f"o{n}", quantity=D(quantity)) for n, quantity in enumerate((5, 2))]
    outcomes = check_orders(legs, world.request(), world.view(gross_exposure_max=D("0.2")))
    assert [isinstance(outcome, ApprovedOrder) for outcome in outcomes] == [False, True]


def test_legs_share_one_balance() -> None:
    legs = [world.limit_order(SPOT, 50_000, order_id=f"o{n}", quantity=D("0.1")) for n in range(3)]
    outcomes = check_orders(legs, world.request(), world.view())
    assert [isinstance(outcome, ApprovedOrder) for outcome in outcomes] == [True, True, False]


def test_the_legs_of_a_flip_close_first_and_then_open() -> None:
    close = world.order(LINEAR, order_id="o0", side=Side.SELL, quantity=D(5), reduce_only=True)
    short = world.order(LINEAR, order_id="o1", side=Side.SELL, quantity=D(6))
    for share, passes in (("0.3", True), ("0.2999", False)):
        view = world.view(world.position(LINEAR, 5), position_equity_share_max_perpetual=D(share))
        first, second = check_orders([close, short], world.request(), view)
        assert isinstance(first, ApprovedOrder)
        assert isinstance(second, ApprovedOrder) is passes
        assert world.checks_of(second, CheckCode.POS)[0].value == D(3_000)


# --- missing inputs


@pytest.mark.parametrize(
    "field",
    [
        "order_notional_max_usd",
        "order_equity_share_max",
        "price_collar",
        "quote_age_max_ms",
        "position_equity_share_max_perpetual",
        "gross_exposure_max",
        "net_exposure_max",
        "exposure_leverage_max",
        "liquidation_distance_min",
    ],
)
def test_without_a_quote_nothing_new_is_risked(field: str) -> None:
    limited = {field: 5 if field.endswith("_ms") else D(1)}
    outcome = check_order(world.order(LINEAR), world.request(), world.view(quotes={}, **limited))
    assert isinstance(outcome, Denied)
    assert ReasonCode.QUOTE_MISSING in world.reasons(outcome)


@pytest.mark.parametrize(
    "field",
    [
        "order_equity_share_max",
        "position_equity_share_max_perpetual",
        "gross_exposure_max",
        "net_exposure_max",
        "exposure_leverage_max",
    ],
)
def test_without_equity_nothing_new_is_risked(field: str) -> None:
    quotes = {symbol: quote for symbol, quote in world.quotes().items() if symbol == LINEAR}
    view = world.view(world.position(ETHER, 1), quotes=quotes, **{field: D(5)})
    found = world.reasons(check_order(world.order(LINEAR), world.request(), view))
    assert found & {ReasonCode.EQUITY_UNKNOWN, ReasonCode.EXPOSURE_UNKNOWN}


@pytest.mark.parametrize("field", ["order_equity_share_max", "gross_exposure_max"])
def test_without_any_equity_left_nothing_new_is_risked(field: str) -> None:
    for total in ("0", "-5"):
        view = world.view(world.balance("USDT", total), **{field: D(5)})
        assert isinstance(check_order(world.order(LINEAR), world.request(), view), Denied)


def test_an_open_order_that_cannot_be_valued_counts_as_unknown() -> None:
    quotes = {symbol: quote for symbol, quote in world.quotes().items() if symbol != ETHER}
    resting = world.limit_order(ETHER, 2_500, order_id="p")
    view = world.view(resting, quotes=quotes, gross_exposure_max=D(5))
    found = world.reasons(check_order(world.order(LINEAR), world.request(), view))
    assert found == {ReasonCode.EXPOSURE_UNKNOWN}


def test_cash_without_a_price_is_worth_nothing_and_stops_nobody() -> None:
    view = world.view(world.balance("DUST", 1_000_000), gross_exposure_max=D(1))
    assert isinstance(check_order(world.order(LINEAR), world.request(), view), ApprovedOrder)


# --- seals


def test_a_forged_approval_is_refused() -> None:
    denied = check_order(world.order(), world.request(), world.view(latches=("account",)))
    with pytest.raises(ValueError, match="not approved"):
        ApprovedOrder(world.order(), denied.verdict)
    approved = check_order(world.order(), world.request(), world.view())
    with pytest.raises(ValueError, match="not approved"):
        ApprovedOrder(world.order(order_id="other"), approved.verdict)


def test_a_reduce_only_mark_is_no_way_around_limits() -> None:
    marked = [
        world.order(LINEAR, reduce_only=True),
        world.order(LINEAR, side=Side.SELL, position_side=PositionSide.LONG),
        world.order(SPOT, reduce_only=True),
    ]
    for order in marked:
        for held in ([], [world.position(LINEAR, 5)]):
            outcome = check_order(order, world.request(), world.view(*held, latches=("account",)))
            assert ReasonCode.KILL_SWITCH_ACTIVE in world.reasons(outcome)
