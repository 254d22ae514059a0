"""Checks that remember: losing streaks, pauses after an exit, repeated entries, and orders larger than usual."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from fairlead.core.model import ids
from fairlead.core.model.order import ApprovedOrder, Fill, Liquidity, Order
from fairlead.core.model.request import OrderRequest, Side, SourceKind
from fairlead.core.model.risk import CheckCode, CheckOutcome, ReasonCode
from fairlead.core.model.trades import ClosedTrade, TradeMemory
from fairlead.core.rules.account_book import RecentOrder
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.position_state import apply_fill
from fairlead.core.rules.risk import Denied, check_order, explain_check
from fairlead.core.rules.trade_log import NOTIONALS_AT_ONCE, NOTIONALS_KEPT_MAX, TradeLog
from tests.core import risk_world as world
from tests.core.risk_world import ETHER, INSTRUMENTS, LINEAR, NOW_MS, D

HOUR_MS = 3_600_000
STREAK = {"streak_losses_max": 4, "streak_window_ms": 24 * HOUR_MS, "streak_pause_ms": 12 * HOUR_MS}


def closed(hours_ago: float, **changes: object) -> ClosedTrade:
    given = ClosedTrade(
        at_ms=NOW_MS - int(hours_ago * HOUR_MS), asset="BTC", request_id="before", is_loss=True, by_stop=False
    )
    return msgspec.structs.replace(given, **changes)


def remember(*trades: ClosedTrade, **limits: object) -> AccountView:
    view = world.view(**limits)
    view.book.trades.restore(TradeMemory(closes=trades))
    return view


def used_to(notionals: tuple[int, ...]) -> AccountView:
    view = world.view(fat_finger_multiple=D(5))
    view.book.trades.restore(TradeMemory(notionals=tuple(map(Decimal, notionals))))
    return view


def judge(view: AccountView, order: Order | None = None) -> ApprovedOrder | Denied:
    return check_order(order or world.order(LINEAR, quantity=D(1)), world.request(symbol=LINEAR), view)


LEVEL = world.order(LINEAR, quantity=D(1), source_id="h1")


def request_id_of(age_ms: int, number: int) -> str:
    """Id of one of the requests that somebody made at a time."""
    return ids.derive_id(NOW_MS - age_ms, "a request", str(number))


def bot_request(age_ms: int) -> OrderRequest:
    """The first request that a bot makes at a time."""
    return world.request(symbol=LINEAR, source_kind=SourceKind.BOT, request_id=request_id_of(age_ms, 100))


def asked_by_bot(age_ms: int, number: int) -> RecentOrder:
    """An order of a bot, approved right after it was asked for."""
    return world.recent(age_ms, symbol=LINEAR, request_id=request_id_of(age_ms, number))


@pytest.mark.parametrize(
    ("hours", "is_allowed"),
    [
        ((20, 15, 10, 1), False),
        ((20, 15, 1), True),
        ((23, 20, 15, 13), True),
        ((30, 20, 15, 1), True),
        ((20, 15, 12.0), True),
    ],
)
def test_four_losing_closes_in_a_day_are_followed_by_a_pause(hours: tuple[float, ...], *, is_allowed: bool) -> None:
    outcome = judge(remember(*map(closed, hours), **STREAK))
    assert isinstance(outcome, ApprovedOrder) is is_allowed
    assert world.is_denied(outcome, ReasonCode.LOSING_STREAK) is not is_allowed


def test_a_gain_is_no_part_of_a_streak() -> None:
    trades = [closed(hours) for hours in (9, 6, 3)]
    assert isinstance(judge(remember(*trades, closed(1, is_loss=False), **STREAK)), ApprovedOrder)


@pytest.mark.parametrize(
    ("trade", "is_allowed"),
    [
        (closed(1, by_stop=True), False),
        (closed(2, by_stop=True), True),
        (closed(0.2), False),
        (closed(0.25), True),
        (closed(0.1, asset="ETH", by_stop=True), True),
        (closed(0.1, request_id="r1"), True),
    ],
)
def test_an_asset_rests_after_an_exit_and_longer_after_a_stop(trade: ClosedTrade, *, is_allowed: bool) -> None:
    outcome = judge(remember(trade, after_stop_pause_ms=2 * HOUR_MS, after_exit_pause_ms=HOUR_MS // 4))
    assert world.is_denied(outcome, ReasonCode.COOLDOWN) is not is_allowed


def test_one_strategy_enters_the_same_side_of_an_instrument_only_so_often() -> None:
    limits = {"repeat_orders_max": 5, "repeat_window_ms": 600_000}
    asked = [world.recent(60_000 * n, symbol=LINEAR, request_id=f"q{n}") for n in range(6, 0, -1)]
    assert world.is_denied(judge(world.view(*asked, **limits)), ReasonCode.REPEATED_ENTRIES)
    assert isinstance(judge(world.view(*asked[:4], **limits)), ApprovedOrder)
    # Legs of one request are one entry; the other side, another strategy and old ones do not count.
    legs = [world.recent(60_000, symbol=LINEAR, request_id="q1") for _ in range(9)]
    other_side = [world.recent(60_000, symbol=LINEAR, side=Side.SELL, request_id=f"s{n}") for n in range(9)]
    other_strategy = [world.recent(60_000, symbol=LINEAR, request_id=f"t{n}", strategy_id="b") for n in range(9)]
    old = [world.recent(600_000, symbol=LINEAR, request_id=f"o{n}") for n in range(9)]
    assert isinstance(judge(world.view(*old, *legs, *other_side, *other_strategy, **limits)), ApprovedOrder)


def test_a_whole_ladder_that_a_bot_asks_for_at_once_is_one_decision() -> None:
    limits = {"repeat_orders_max": 5, "repeat_window_ms": 600_000}
    levels = [asked_by_bot(60_000, level) for level in range(8)]
    now = bot_request(0)
    assert isinstance(
        check_order(LEVEL, now, world.view(*levels, *(asked_by_bot(0, n) for n in range(3)), **limits)), ApprovedOrder
    )
    # A bot that decides the same over and over is stopped all the same.
    again = [asked_by_bot(60_000 * minute, 0) for minute in range(5, 0, -1)]
    denied = check_order(LEVEL, now, world.view(*again, **limits))
    assert world.is_denied(denied, ReasonCode.REPEATED_ENTRIES)
    (check,) = world.checks_of(denied, CheckCode.REPEAT)
    assert explain_check(check).endswith("decisions of one strategy 6 is above the limit 5 (buy decisions in 10 min)")
    # Alerts are decisions of their own, also when they come within one millisecond.
    at_once = [world.recent(0, symbol=LINEAR, request_id=request_id_of(0, n)) for n in range(5)]
    assert world.is_denied(judge(world.view(*at_once, **limits)), ReasonCode.REPEATED_ENTRIES)


def test_an_order_far_above_what_is_usual_is_refused_with_how_to_allow_it() -> None:
    usual = (90, 100, 100, 110) * 3
    outcome = judge(used_to(usual), world.order(LINEAR, quantity=D("1.01")))
    (check,) = world.checks_of(outcome, CheckCode.FAT_FINGER)
    assert explain_check(check) == (
        "FAT_FINGER denied: far above what is usual here: order value 505.00 USD is above the limit 500.00 USD "
        "(5 x the median of 12 orders; fat_finger_multiple of the risk profile says how far)"
    )
    assert isinstance(judge(used_to(usual), world.order(LINEAR, quantity=D(1))), ApprovedOrder)


def test_a_handful_of_orders_is_nothing_to_compare_with() -> None:
    (check,) = world.checks_of(judge(used_to((1,) * 9)), CheckCode.FAT_FINGER)
    assert (check.outcome, check.detail) == (CheckOutcome.SKIPPED, "too few orders to compare with")


@pytest.mark.parametrize("limits", [STREAK, {"after_exit_pause_ms": HOUR_MS}, {"fat_finger_multiple": D(1)}])
def test_what_was_never_traded_forbids_nothing(limits: dict[str, object]) -> None:
    assert isinstance(judge(world.view(**limits)), ApprovedOrder)


def fill(price: int, quantity: int = 2, fee: str = "0") -> Fill:
    return Fill(
        trade_id=f"t{price}",
        order_id="o1",
        symbol=LINEAR,
        price=D(price),
        quantity=D(quantity),
        fee=D(fee),
        fee_currency="USDT",
        liquidity=Liquidity.TAKER,
        at_ms=NOW_MS,
    )


@pytest.mark.parametrize(
    ("price", "quantity", "fee", "found"),
    [
        (49_000, 2, "0", [True]),
        (51_000, 2, "0", [False]),
        (50_000, 2, "0.1", [True]),
        (51_000, 3, "0", [False]),
        (49_000, 1, "0", []),
    ],
)
def test_a_trade_is_over_when_its_position_is_flat_or_flips(
    price: int, quantity: int, fee: str, found: list[bool]
) -> None:
    log = TradeLog()
    held = world.position(LINEAR, 2)
    one = fill(price, quantity, fee)
    after, _ = apply_fill(held, Side.SELL, one.price, one.quantity, one.fee, INSTRUMENTS[LINEAR])
    log.note_fill(world.order(LINEAR, origin="protection"), one, held, [after], INSTRUMENTS[LINEAR])
    assert [trade.is_loss for trade in log.closes] == found
    assert all(trade.by_stop and trade.asset == "BTC" for trade in log.closes)
    assert log.take_change() is bool(found)
    assert not log.take_change()


def test_values_of_entries_are_remembered_in_groups_and_only_the_last() -> None:
    log = TradeLog()
    for n in range(1, NOTIONALS_AT_ONCE):
        log.note_order(world.order(ETHER, quantity=D(n)), INSTRUMENTS[ETHER])
    log.note_order(world.order(ETHER, reduce_only=True), INSTRUMENTS[ETHER])
    assert (list(log.notionals), log.take_change()) == ([], False)
    log.note_order(world.order(ETHER, quantity=D(10)), INSTRUMENTS[ETHER])
    assert list(log.notionals) == [250 * n for n in range(1, 11)]
    assert log.take_change()
    for _ in range(100):
        log.note_order(world.order(ETHER, quantity=D(1)), INSTRUMENTS[ETHER])
    assert list(log.notionals) == [250] * NOTIONALS_KEPT_MAX
