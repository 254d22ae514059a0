"""Checks of what is around an order: the market, the clock, other assets, other accounts, and what we do not know."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from fairlead.core.model.order import ApprovedOrder, Order, OrderStatus
from fairlead.core.model.request import Side
from fairlead.core.model.risk import CheckCode, CheckOutcome, ReasonCode, UserExposure
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.risk import check_order
from fairlead.core.rules.risk_checks.blackouts import parse_blackout
from tests.core import risk_world as world
from tests.core.risk_world import ETHER, ETHER_SPOT, LINEAR, NOW_MS, SPOT, D

MINUTE_MS = 60_000


def found(view: AccountView, order: Order | None = None) -> set[ReasonCode]:
    return world.reasons(check_order(order or world.order(LINEAR, quantity=D(1)), world.request(symbol=LINEAR), view))


def skipped(view: AccountView, code: CheckCode, order: Order) -> set[str]:
    outcome = check_order(order, world.request(), view)
    return {one.detail for one in world.checks_of(outcome, code) if one.outcome is CheckOutcome.SKIPPED}


def quoted(**changes: object) -> dict[str, object]:
    quotes = {symbol: msgspec.structs.replace(one, **changes) for symbol, one in world.quotes().items()}
    return {"quotes": quotes}


def test_an_order_is_a_small_share_of_what_is_traded_in_a_day() -> None:
    limit = {"volume_share_max": D("0.001")}
    assert found(world.view(**quoted(volume_24h_usd=D(500_000)), **limit)) == set()
    assert found(world.view(**quoted(volume_24h_usd=D(499_999)), **limit)) == {ReasonCode.VOLUME_SHARE}
    assert found(world.view(**limit)) == {ReasonCode.VOLUME_UNKNOWN}


def test_an_order_that_takes_is_a_share_of_what_stands_at_the_touch() -> None:
    limit = {"depth_share_max": D("0.2")}
    assert found(world.view(**quoted(ask_quantity=D(5)), **limit)) == set()
    assert found(world.view(**quoted(ask_quantity=D("4.9")), **limit)) == {ReasonCode.DEPTH_SHARE}
    assert found(world.view(**quoted(ask_quantity=D(0)), **limit)) == {ReasonCode.DEPTH_UNKNOWN}
    in_quote = world.order(SPOT, in_quote=True, quantity=D(5_001))
    assert found(world.view(**quoted(ask_quantity=D("0.5")), **limit), in_quote) == {ReasonCode.DEPTH_SHARE}
    resting = world.limit_order(LINEAR, 49_000, quantity=D(1))
    assert found(world.view(**quoted(ask_quantity=D(0)), **limit), resting) == set()


@pytest.mark.parametrize(
    ("side", "rate", "reasons"),
    [
        (Side.BUY, "0.005", set()),
        (Side.BUY, "0.0051", {ReasonCode.FUNDING_COST}),
        (Side.SELL, "0.02", set()),
        (Side.SELL, "-0.0051", {ReasonCode.FUNDING_COST}),
    ],
)
def test_the_next_funding_takes_at_most_half_of_the_way_to_the_target(
    side: Side, rate: str, reasons: set[ReasonCode]
) -> None:
    view = world.view(**quoted(funding_rate=D(rate)), funding_edge_share_max=D("0.5"))
    target = D(50_500) if side is Side.BUY else D(49_500)
    order = world.limit_order(LINEAR, 50_000, quantity=D(1), side=side, take_profit_price=target)
    assert found(view, order) == reasons


def test_funding_is_asked_only_where_there_is_some_and_an_edge() -> None:
    view = world.view(funding_edge_share_max=D("0.5"))
    assert skipped(view, CheckCode.FUNDING, world.order(SPOT)) == {"spot pays no funding"}
    (why,) = skipped(view, CheckCode.FUNDING, world.order(LINEAR))
    assert "no edge" in why
    assert found(view, world.order(LINEAR, take_profit_price=D(51_000))) == {ReasonCode.FUNDING_UNKNOWN}


def test_assets_that_move_together_count_together() -> None:
    # Equity 10,000 in USDT and 6,000 in ETH.
    held = world.balance("ETH", "2.4")
    limits = {"cluster_exposure_max": D("0.6"), "clusters": (("BTC", "ETH"), ("DOGE",))}
    assert found(world.view(held, **limits), world.order(LINEAR, quantity=D("7.2"))) == set()
    assert found(world.view(held, **limits), world.order(LINEAR, quantity=D("7.21"))) == {
        ReasonCode.PORTFOLIO_CORRELATION
    }
    alone = {**limits, "clusters": (("DOGE",),)}
    assert skipped(world.view(held, **alone), CheckCode.CORR, world.order(LINEAR)) == {"the asset is in no cluster"}


def test_all_accounts_of_a_user_count_together() -> None:
    limit = {"user_exposure_max": D(2)}
    others = UserExposure(gross_usd=D(29_500), equity_usd=D(5_000))
    assert found(world.view(others=others, **limit), world.order(LINEAR, quantity=D(1))) == set()
    assert found(world.view(others=others, **limit), world.order(LINEAR, quantity=D("1.01"))) == {
        ReasonCode.USER_EXPOSURE_LIMIT
    }
    assert found(world.view(others=None, **limit)) == {ReasonCode.EXPOSURE_UNKNOWN}
    assert found(world.view(others=None)) == set()


def test_an_open_difference_or_an_old_doubt_allows_only_less_risk() -> None:
    view = world.view(world.position(LINEAR, 3))
    view.book.drift = ("balance USDT: 1, venue 2", "order x: not ours, open at the venue")
    assert found(view) == {ReasonCode.DRIFT_OPEN}
    assert found(view, world.order(LINEAR, side=Side.SELL, quantity=D(3), reduce_only=True)) == set()
    for age_ms, reasons in ((10_000, set()), (10_001, {ReasonCode.ORDER_IN_DOUBT})):
        doubt = world.limit_order(ETHER, 2_000, status=OrderStatus.UNKNOWN, order_id="d", created_ms=NOW_MS - age_ms)
        assert found(world.view(doubt, unknown_order_age_max_ms=10_000)) == reasons


# NOW_MS is Friday, 2027-01-15 08:00 UTC.
@pytest.mark.parametrize(
    ("text", "is_closed"),
    [
        ("Fri 08:00 + 1 min", True),
        ("Fri 07:00 + 60 min", False),
        ("Fri 07:00 + 61 min", True),
        ("Thu 08:01 + 1439 min", False),
        ("Fri 08:01 + 10079 min", False),
        ("Fri 08:01 + 10080 min", True),
        ("2027-01-15T08:00Z + 1 min", True),
        ("2027-01-15T08:01Z + 1 min", False),
        ("2027-01-15T06:00Z + 120 min", False),
        ("whenever", True),
    ],
)
def test_nothing_new_is_opened_in_a_scheduled_pause(text: str, *, is_closed: bool) -> None:
    view = world.view(world.position(ETHER, 5), blackouts=("Mon 00:00 + 1 min", text))
    assert (ReasonCode.TIME_RESTRICTION in found(view)) is is_closed
    assert found(view, world.order(ETHER, side=Side.SELL, quantity=D(5), reduce_only=True)) == set()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Fri 8:00 + 1 min",
        "Fri 24:00 + 1 min",
        "Fri 08:00",
        "Fri 08:00 + 0 min",
        "Fri 08:00 + 10081 min",
        "2027-02-30T08:00Z + 1 min",
        "2027-01-15T08:00 + 1 min",
        "fri 08:00 + 1 min",
    ],
)
def test_what_is_no_pause_is_not_read(text: str) -> None:
    assert parse_blackout(text) is None


def test_missing_inputs_never_keep_anybody_from_reducing() -> None:
    limits = {
        name: Decimal(0)
        for name in ("volume_share_max", "depth_share_max", "cluster_exposure_max", "user_exposure_max")
    }
    view = world.view(world.position(LINEAR, 2), world.balance("ETH", 1), quotes={}, others=None, **limits)
    assert found(view, world.order(LINEAR, side=Side.SELL, quantity=D(2), reduce_only=True)) == set()
    opens = check_order(world.order(ETHER_SPOT), world.request(), view)
    assert not isinstance(opens, ApprovedOrder)
