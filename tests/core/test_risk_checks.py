"""Each check alone, at its exact boundary: equal passes, one step beyond does not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.instrument import InstrumentState
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.request import OrderType, Side, SourceKind
from fairlead.core.model.risk import CheckCode, CheckOutcome, ReasonCode, RiskLimits, TradingState
from fairlead.core.rules.risk import Denied, check_order
from tests.core import risk_world as world
from tests.core.risk_world import ETHER, INSTRUMENTS, INVERSE, LINEAR, NOW_MS, SPOT, D

# A spot order of 0.02 BTC is worth 1,000 USDT, a perpetual order of 2 contracts as well, of 10,000 USDT equity.
SELL = Side.SELL


def outcome(
    order: Order,
    *held: world.Held,
    **changes: object,
) -> ApprovedOrder | Denied:
    asked = changes.pop("request", {})
    assert isinstance(asked, dict)
    return check_order(order, world.request(**asked), world.view(*held, **changes))


def reasons(
    order: Order,
    *held: world.Held,
    **changes: object,
) -> set[ReasonCode]:
    return world.reasons(outcome(order, *held, **changes))


def test_an_order_without_limits_is_approved_with_every_check_listed() -> None:
    approved = outcome(world.order())
    assert isinstance(approved, ApprovedOrder)
    assert {check.code for check in approved.verdict.checks} == set(CheckCode)


# --- always


def test_a_kill_switch_stops_new_risk_and_lets_reductions_through() -> None:
    held = world.position(LINEAR, 5)
    close = world.order(LINEAR, side=SELL, reduce_only=True)
    assert reasons(world.order(LINEAR), held, latches=("account",)) == {ReasonCode.KILL_SWITCH_ACTIVE}
    assert not reasons(close, held, latches=("account",))


@pytest.mark.parametrize(
    ("held", "order", "may"),
    [
        (5, world.order(LINEAR, side=SELL, quantity=D(5)), True),
        (5, world.order(LINEAR, side=SELL, quantity=D("5.01")), False),
        (5, world.order(LINEAR, side=SELL, quantity=D("5.01"), reduce_only=True), False),
        (5, world.order(LINEAR, side=Side.BUY, quantity=D("0.01")), False),
        (-5, world.order(LINEAR, side=Side.BUY, quantity=D(5)), True),
        (-5, world.order(LINEAR, side=Side.BUY, quantity=D("5.01")), False),
        (0, world.order(LINEAR, side=SELL, quantity=D("0.01")), False),
    ],
)
def test_a_reducing_account_may_only_shrink_and_never_flip(held: int, order: Order, *, may: bool) -> None:
    held_positions = [world.position(LINEAR, held)] if held else []
    found = reasons(order, *held_positions, trading_state=TradingState.REDUCING)
    assert (ReasonCode.ACCOUNT_REDUCING not in found) is may


def test_a_plain_close_beside_another_pending_close_could_flip() -> None:
    pending = world.limit_order(LINEAR, 51_000, order_id="p", side=SELL, quantity=D(3))
    held = world.position(LINEAR, 5)
    for quantity, may in ((2, True), (3, False)):
        close = world.order(LINEAR, side=SELL, quantity=D(quantity))
        found = reasons(close, held, pending, trading_state=TradingState.REDUCING)
        assert (ReasonCode.ACCOUNT_REDUCING not in found) is may


def test_a_halted_account_sends_nothing_but_what_the_system_reduces() -> None:
    held = world.position(LINEAR, 5)
    close = world.order(LINEAR, side=SELL, quantity=D(5), reduce_only=True)
    halted = {"trading_state": TradingState.HALTED, "latches": ("account",)}
    assert reasons(close, held, **halted) == {ReasonCode.TRADING_HALTED}
    assert not reasons(close, held, request={"source_kind": SourceKind.SYSTEM}, **halted)
    more = world.order(LINEAR)
    assert ReasonCode.TRADING_HALTED in reasons(more, held, request={"source_kind": SourceKind.SYSTEM}, **halted)


def test_a_disabled_account_sends_nothing() -> None:
    assert reasons(world.order(), account=world.account(enabled=False)) == {ReasonCode.ACCOUNT_DISABLED}


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (world.order(LINEAR, quantity=D("0.01")), None),
        (world.order(LINEAR, quantity=D("0.005")), ReasonCode.BELOW_MIN_SIZE),
        (world.order(LINEAR, quantity=D(0)), ReasonCode.BELOW_MIN_SIZE),
        (world.order(LINEAR, quantity=D(-1)), ReasonCode.BELOW_MIN_SIZE),
        (world.order(LINEAR, quantity=D("0.015")), ReasonCode.OFF_LOT),
        (world.order(LINEAR, quantity=D(1_000), leverage=D(100)), None),
        (world.order(LINEAR, quantity=D("1000.01"), leverage=D(100)), ReasonCode.ABOVE_MAX_SIZE),
        (world.limit_order(LINEAR, "50000.1"), None),
        (world.limit_order(LINEAR, "50000.15"), ReasonCode.OFF_TICK),
        (world.order(LINEAR, stop_loss_price=D("49000.05")), ReasonCode.OFF_TICK),
        (world.order(in_quote=True, quantity=D("0.500005")), None),
        (world.order(in_quote=True, quantity=D("0.5")), ReasonCode.BELOW_MIN_SIZE),
        (world.order(LINEAR, side=SELL, reduce_only=True), ReasonCode.NOTHING_TO_REDUCE),
    ],
)
def test_size(order: Order, reason: ReasonCode | None) -> None:
    found = reasons(order, world.balance("USDT", 100_000_000))
    assert found == (set() if reason is None else {reason})


def test_the_least_value_of_the_venue() -> None:
    for least, reason in (("1000", set()), ("1000.01", {ReasonCode.BELOW_MIN_NOTIONAL})):
        special = {**INSTRUMENTS, SPOT: world.instrument(SPOT, notional_min=D(least))}
        assert reasons(world.order(), instruments=special) == reason


def test_an_instrument_that_nobody_knows_or_that_is_suspended_is_not_traded() -> None:
    suspended = {SPOT: world.instrument(SPOT, state=InstrumentState.SUSPENDED)}
    assert reasons(world.order(), instruments=suspended) == {ReasonCode.INSTRUMENT_SUSPENDED}
    assert ReasonCode.INSTRUMENT_UNKNOWN in reasons(world.order(), instruments={})


@pytest.mark.parametrize(
    ("order", "total", "enough"),
    [
        (world.limit_order(SPOT, 50_000), "1000", True),
        (world.limit_order(SPOT, 50_000), "999.99", False),
        (world.order(in_quote=True, quantity=D(1_000)), "1000", True),
        (world.order(in_quote=True, quantity=D("1000.01")), "1000", False),
        # Margin 1,000 / 5 and the fee of 0.05 %.
        (world.limit_order(LINEAR, 50_000), "200.5", True),
        (world.limit_order(LINEAR, 50_000), "200.49", False),
    ],
)
def test_the_balance_covers_what_the_order_holds(order: Order, total: str, *, enough: bool) -> None:
    found = reasons(order, world.balance("USDT", total))
    assert found == (set() if enough else {ReasonCode.INSUFFICIENT_BALANCE})


def test_what_open_orders_hold_is_not_available() -> None:
    order = world.limit_order(SPOT, 50_000)
    assert not reasons(order, world.balance("USDT", 3_000, 2_000))
    assert reasons(order, world.balance("USDT", 3_000, "2000.01")) == {ReasonCode.INSUFFICIENT_BALANCE}


def test_nobody_sells_more_than_is_there() -> None:
    for total, enough in (("0.02", True), ("0.01999", False)):
        found = reasons(world.order(side=SELL), world.balance("BTC", total))
        assert found == (set() if enough else {ReasonCode.INSUFFICIENT_BALANCE})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stop_loss_price": D("49999.9"), "take_profit_price": D("50000.1")}, None),
        ({"stop_loss_price": D(50_000)}, ReasonCode.STOP_LOSS_SIDE),
        ({"take_profit_price": D(50_000)}, ReasonCode.TAKE_PROFIT_SIDE),
        ({"side": SELL, "stop_loss_price": D("50000.1"), "take_profit_price": D("49999.9")}, None),
        ({"side": SELL, "stop_loss_price": D("49999.9")}, ReasonCode.STOP_LOSS_SIDE),
        ({"side": SELL, "take_profit_price": D("50000.1")}, ReasonCode.TAKE_PROFIT_SIDE),
    ],
)
def test_stops_stand_on_their_side_of_a_limit_price(changes: dict[str, object], reason: ReasonCode | None) -> None:
    assert reasons(world.limit_order(LINEAR, 50_000, **changes)) == (set() if reason is None else {reason})


def test_stops_of_a_market_order_are_judged_by_the_touch() -> None:
    assert not reasons(world.order(LINEAR, take_profit_price=D("50000.6")))
    assert reasons(world.order(LINEAR, take_profit_price=D("50000.5"))) == {ReasonCode.TAKE_PROFIT_SIDE}


@pytest.mark.parametrize(
    ("order_type", "side", "price", "good"),
    [
        (OrderType.STOP_MARKET, Side.BUY, "50000.1", True),
        (OrderType.STOP_MARKET, Side.BUY, "50000", False),
        (OrderType.STOP_MARKET, Side.SELL, "49999.9", True),
        (OrderType.STOP_MARKET, Side.SELL, "50000.1", False),
        (OrderType.TAKE_PROFIT, Side.SELL, "50000.1", True),
        (OrderType.TAKE_PROFIT, Side.SELL, "49999.9", False),
        (OrderType.TAKE_PROFIT, Side.BUY, "49999.9", True),
        (OrderType.TAKE_PROFIT, Side.BUY, "50000.1", False),
    ],
)
def test_a_trigger_has_not_been_reached_yet(order_type: OrderType, side: Side, price: str, *, good: bool) -> None:
    order = world.order(LINEAR, order_type=order_type, side=side, trigger_price=D(price))
    assert reasons(order) == (set() if good else {ReasonCode.TRIGGER_SIDE})


# --- limits


@pytest.mark.parametrize(("age_ms", "fresh"), [(2_000, True), (2_001, False), (-2_000, True), (-2_001, False)])
def test_a_quote_is_neither_old_nor_from_the_future(age_ms: int, *, fresh: bool) -> None:
    quotes = {**world.quotes(), SPOT: world.quote(SPOT, D(50_000), at_ms=NOW_MS - age_ms)}
    found = reasons(world.order(), quotes=quotes, quote_age_max_ms=2_000)
    assert found == (set() if fresh else {ReasonCode.QUOTE_STALE})


def test_a_crossed_book_is_no_price() -> None:
    for bid, reason in ((D("50000.5"), set()), (D("50000.6"), {ReasonCode.BOOK_CROSSED})):
        quotes = {**world.quotes(), SPOT: world.quote(SPOT, D(50_000), bid=bid)}
        assert reasons(world.order(), quotes=quotes) == reason


def test_a_signal_grows_too_old() -> None:
    for age_ms, reason in ((5_000, set()), (5_001, {ReasonCode.SIGNAL_STALE})):
        asked = {"cause_at_ms": NOW_MS - age_ms}
        assert reasons(world.order(), request=asked, signal_age_max_ms=5_000) == reason


def test_a_request_ends_by_itself() -> None:
    assert not reasons(world.order(), request={"valid_until_ms": NOW_MS})
    assert reasons(world.order(), request={"valid_until_ms": NOW_MS - 1}) == {ReasonCode.SIGNAL_STALE}


@pytest.mark.parametrize(
    ("age_ms", "changes", "is_same"),
    [
        (4_999, {}, True),
        (5_000, {}, False),
        (0, {"symbol": LINEAR}, False),
        (0, {"side": SELL}, False),
        (0, {"quantity": D("0.03")}, False),
        (0, {"limit_price": D(49_000)}, False),
        (0, {"position_side": PositionSide.LONG}, False),
        (0, {"request_id": "r1"}, False),
    ],
)
def test_the_same_order_again(age_ms: int, changes: dict[str, object], *, is_same: bool) -> None:
    found = reasons(world.order(), world.recent(age_ms, **changes), duplicate_window_ms=5_000)
    assert found == ({ReasonCode.DUPLICATE_ORDER} if is_same else set())


def test_a_repeat_is_found_behind_other_orders() -> None:
    others = [world.recent(1_000), world.recent(500, quantity=D(9))]
    assert reasons(world.order(), *others, duplicate_window_ms=5_000) == {ReasonCode.DUPLICATE_ORDER}


def test_a_burst_uses_the_bucket_up_and_time_refills_it() -> None:
    limits: dict[str, object] = {"orders_per_second_max": D(5), "orders_burst_max": 10}
    burst = [world.recent(0) for _ in range(9)]
    assert not reasons(world.order(), *burst, **limits)
    assert reasons(world.order(), *burst, world.recent(0), **limits) == {ReasonCode.ORDER_RATE}
    earlier = [world.recent(200) for _ in range(10)]
    assert not reasons(world.order(), *earlier, **limits)
    assert reasons(world.order(), *[world.recent(199) for _ in range(10)], **limits) == {ReasonCode.ORDER_RATE}


def test_a_steady_stream_at_the_rate_flows_and_above_it_stops() -> None:
    limits: dict[str, object] = {"orders_per_second_max": D(5), "orders_burst_max": 1}
    for gap_ms, reason in ((200, set()), (199, {ReasonCode.ORDER_RATE})):
        stream = [world.recent(gap_ms * n) for n in range(40, 0, -1)]
        assert reasons(world.order(), *stream, **limits) == reason


def test_orders_of_a_symbol_in_a_minute() -> None:
    others = [world.recent(1_000, symbol=ETHER)] * 5
    for ages, reason in (((59_999, 1, 1), {ReasonCode.SYMBOL_ORDER_RATE}), ((60_000, 1, 1), set())):
        placed = [world.recent(age) for age in ages]
        assert reasons(world.order(), *placed, *others, orders_per_minute_per_symbol_max=3) == reason


@pytest.mark.parametrize(
    ("order", "value"),
    [
        (world.order(), 1_000),
        (world.limit_order(SPOT, 40_000), 800),
        (world.order(in_quote=True, quantity=D(700)), 700),
        (world.order(LINEAR), 1_000),
        (world.order(INVERSE), 200),
    ],
)
def test_the_value_of_an_order_is_capped(order: Order, value: int) -> None:
    bitcoin = world.balance("BTC", 1)
    for cap, reason in ((D(value), set()), (D(value) - D("0.01"), {ReasonCode.ORDER_NOTIONAL_LIMIT})):
        assert reasons(order, bitcoin, order_notional_max_usd=cap) == reason


def test_the_value_of_an_order_as_a_share_of_equity() -> None:
    for share, reason in (("0.1", set()), ("0.0999", {ReasonCode.ORDER_NOTIONAL_LIMIT})):
        limits: dict[str, object] = {"order_notional_max_usd": D(1_500), "order_equity_share_max": D(share)}
        found = outcome(world.order(), **limits)
        assert world.reasons(found) == reason
        [check] = world.checks_of(found, CheckCode.MAX_ORDER)
        assert (check.value, check.limit) == (D(1_000), D(share) * 10_000)


@pytest.mark.parametrize(
    ("side", "price", "good"),
    [
        (Side.BUY, "50500", True),
        (Side.BUY, "50500.1", False),
        (Side.BUY, "45000", True),
        (Side.BUY, "44999.9", False),
        (Side.SELL, "49500", True),
        (Side.SELL, "49499.9", False),
        (Side.SELL, "55000", True),
        (Side.SELL, "55000.1", False),
    ],
)
def test_a_limit_price_stays_inside_its_collar(side: Side, price: str, *, good: bool) -> None:
    collars: dict[str, object] = {"price_collar": D("0.01"), "price_collar_passive": D("0.1")}
    found = reasons(world.limit_order(LINEAR, price, side=side), **collars)
    assert found == (set() if good else {ReasonCode.PRICE_OUTSIDE_COLLAR})


def test_a_market_order_is_judged_by_the_touch_against_the_mark_price() -> None:
    for ask, reason in ((D(50_500), set()), (D("50500.1"), {ReasonCode.PRICE_OUTSIDE_COLLAR})):
        quotes = {**world.quotes(), LINEAR: world.quote(LINEAR, D(50_000), ask=ask)}
        assert reasons(world.order(LINEAR), quotes=quotes, price_collar=D("0.01")) == reason


def test_a_stop_limit_is_judged_by_its_trigger() -> None:
    for price, reason in (("60600", set()), ("60600.1", {ReasonCode.PRICE_OUTSIDE_COLLAR})):
        order = world.order(LINEAR, order_type=OrderType.STOP_LIMIT, trigger_price=D(60_000), limit_price=D(price))
        assert reasons(order, price_collar=D("0.01")) == reason


@pytest.mark.parametrize(
    ("resting", "order", "meets"),
    [
        ("50000.6", world.limit_order(LINEAR, "50000.6"), True),
        ("50000.6", world.limit_order(LINEAR, "50000.5"), False),
        ("50000.6", world.limit_order(LINEAR, "50000.6", post_only=True), False),
        ("50000.5", world.order(LINEAR), True),
        ("50000.6", world.order(LINEAR), False),
        ("50000.6", world.limit_order(ETHER, "50000.6"), False),
    ],
)
def test_no_order_trades_with_its_own_account(resting: str, order: Order, *, meets: bool) -> None:
    own = world.limit_order(LINEAR, resting, order_id="own", side=SELL)
    found = reasons(order, own, world.balance("USDT", 1_000_000))
    assert (ReasonCode.SELF_MATCH in found) is meets


@pytest.mark.parametrize(
    ("order", "field", "worth"),
    [
        (world.order(), "position_equity_share_max_spot", 1_000),
        (world.order(LINEAR), "position_equity_share_max_perpetual", 1_000),
        (world.order(LINEAR, side=SELL), "position_equity_share_max_perpetual", 1_000),
        (world.order(LINEAR), "gross_exposure_max", 1_000),
        (world.order(LINEAR), "net_exposure_max", 1_000),
        (world.order(LINEAR, side=SELL), "net_exposure_max", 1_000),
        (world.order(LINEAR), "exposure_leverage_max", 1_000),
    ],
)
def test_exposure_is_a_share_of_equity(order: Order, field: str, worth: int) -> None:
    share = Decimal(worth) / 10_000
    assert not reasons(order, **{field: share})
    assert len(reasons(order, **{field: share - D("0.00001")})) == 1


def test_a_position_counts_filled_and_pending_of_its_asset_and_kind() -> None:
    held: list[world.Held] = [
        world.position(LINEAR, 4),
        world.limit_order(LINEAR, 50_000, order_id="p", quantity=D(2)),
        world.position(ETHER, 8),
        world.balance("BTC", "0.01"),
    ]
    equity = 10_000 + 500
    found = outcome(world.order(LINEAR), *held, position_equity_share_max_perpetual=D("0.5"))
    [check] = world.checks_of(found, CheckCode.POS)
    assert (check.value, check.limit) == (D(4_000), D("0.5") * equity)


def test_opposite_holdings_cancel_in_net_only() -> None:
    held: list[world.Held] = [world.position(LINEAR, 4), world.position(ETHER, -8)]
    found = outcome(world.order(ETHER, side=SELL), *held, gross_exposure_max=D(1), net_exposure_max=D(1))
    [gross] = world.checks_of(found, CheckCode.GROSS)
    [net] = world.checks_of(found, CheckCode.NET)
    assert (gross.value, net.value) == (D(4_500), D(500))


def test_both_sides_of_a_long_short_account_count() -> None:
    long = world.position(LINEAR, 4, position_side=PositionSide.LONG)
    short = world.position(LINEAR, 3, position_side=PositionSide.SHORT)
    more = world.order(LINEAR, side=SELL, position_side=PositionSide.SHORT)
    found = outcome(more, long, short, gross_exposure_max=D(1), position_equity_share_max_perpetual=D(1))
    assert world.checks_of(found, CheckCode.GROSS)[0].value == D(4_500)
    assert world.checks_of(found, CheckCode.POS)[0].value == D(4_500)


def test_a_plain_order_starts_from_what_a_pending_close_leaves() -> None:
    held = world.position(LINEAR, 4)
    close = world.limit_order(LINEAR, 51_000, order_id="c", side=SELL, quantity=D(4), reduce_only=True)
    short = world.order(LINEAR, side=SELL, quantity=D(6))
    found = outcome(short, held, close, gross_exposure_max=D(1))
    assert world.checks_of(found, CheckCode.GROSS)[0].value == D(3_000)


def test_the_leverage_setting() -> None:
    for leverage, reason in ((D(5), set()), (D("5.01"), {ReasonCode.LEVERAGE_LIMIT})):
        assert reasons(world.order(LINEAR, leverage=leverage), leverage_max=D(5)) == reason
    assert reasons(world.order(LINEAR, leverage=D(101))) == {ReasonCode.LEVERAGE_LIMIT}
    assert not reasons(world.order(leverage=D(0)), leverage_max=D(1))


def test_the_liquidation_price_keeps_its_distance() -> None:
    # Isolated, 5 x: (50,000 - 10,000) / (1 - 0.0045) = 40,180.8; 19.6383 % below the mark.
    order = world.limit_order(LINEAR, 50_000, margin_mode=MarginMode.ISOLATED)
    for limit, reason in (("0.196383", set()), ("0.196384", {ReasonCode.LIQUIDATION_NEAR})):
        assert reasons(order, liquidation_distance_min=D(limit)) == reason


def test_the_whole_position_is_liquidated_not_the_order() -> None:
    order = world.limit_order(LINEAR, 50_000, quantity=D(10))
    alone = outcome(order, liquidation_distance_min=D("0.5"))
    beside = outcome(order, world.position(LINEAR, 30), liquidation_distance_min=D("0.5"))
    assert isinstance(alone, ApprovedOrder)
    assert world.reasons(beside) == {ReasonCode.LIQUIDATION_NEAR}


def test_open_positions_are_counted_with_pending_ones_and_without_dust() -> None:
    held: list[world.Held] = [
        world.position(ETHER, 1),
        world.limit_order(INVERSE, 50_000, order_id="p"),
        world.balance("ETH", "0.004"),
        world.balance("BTC", 1),
    ]
    limits: dict[str, object] = {"position_dust_usd": D(10)}
    new = world.order(LINEAR)
    assert not reasons(new, *held, open_positions_max=4, **limits)
    assert reasons(new, *held, open_positions_max=3, **limits) == {ReasonCode.TOO_MANY_POSITIONS}
    assert not reasons(world.order(ETHER), *held, open_positions_max=1, **limits)


def test_open_orders_are_counted() -> None:
    resting = [world.limit_order(LINEAR, 40_000, order_id=f"p{n}", quantity=D("0.01")) for n in range(3)]
    assert not reasons(world.order(), *resting, open_orders_max=4)
    assert reasons(world.order(), *resting, open_orders_max=3) == {ReasonCode.TOO_MANY_ORDERS}


def test_a_check_without_a_limit_is_skipped_and_says_so() -> None:
    [check] = world.checks_of(outcome(world.order(), limits=RiskLimits()), CheckCode.GROSS)
    assert (check.outcome, check.detail) == (CheckOutcome.SKIPPED, "no limit set")
