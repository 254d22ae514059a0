"""Risk profiles: the built-in ones, reading and refusing others, and what applies to a request."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest

from fairlead.accounts.profiles import (
    LISTS,
    RULES,
    ProfileBook,
    ProfileError,
    built_in_profiles,
    default_profile,
    parse_json,
    parse_toml,
)
from fairlead.core.model.account import ExecutionMode
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.risk import ReasonCode, RiskLimits
from fairlead.core.rules.account_book import RECENT_ORDERS_MAX
from fairlead.core.rules.risk import Denied, check_order, merge_limits
from tests.core import risk_world as world
from tests.core.risk_world import LINEAR, SPOT, D

PROFILES = built_in_profiles()
BOOK = ProfileBook(PROFILES)

# 50 % of 10,000 USDT spot; 25 % of what 5 x margin can hold on a perpetual.
HALF_IN_SPOT = world.order(SPOT, in_quote=True, quantity=D(5_000))
QUARTER_AT_5X = world.order(LINEAR, quantity=D("24.93"), leverage=D(5))


def judge(order: Order, profile: str, mode: ExecutionMode = ExecutionMode.PAPER) -> ApprovedOrder | Denied:
    account = world.account(risk_profile=profile, mode=mode)
    request = world.request(symbol=order.symbol)
    limits, label = BOOK.limits_for(account, request)
    return check_order(order, request, world.view(account=account, limits=limits, profile=label))


def test_the_built_in_profiles() -> None:
    assert set(PROFILES) == {"platform", "platform_live", "standard", "strict", "relaxed", "paper", "alert", "ladder"}
    assert BOOK.names == ("alert", "ladder", "paper", "relaxed", "standard", "strict")


def test_accounts_start_on_a_profile_that_exists() -> None:
    assert default_profile(ExecutionMode.LIVE) == "standard"
    assert default_profile(ExecutionMode.PAPER) == "paper"
    assert all(default_profile(mode) in BOOK.names for mode in ExecutionMode)


@pytest.mark.parametrize("order", [HALF_IN_SPOT, QUARTER_AT_5X])
def test_a_drop_in_alert_fills_on_paper_and_on_relaxed(order: Order) -> None:
    assert isinstance(judge(order, "paper"), ApprovedOrder)
    assert isinstance(judge(order, "relaxed"), ApprovedOrder)
    assert isinstance(judge(order, "relaxed", ExecutionMode.LIVE), ApprovedOrder)


def test_the_same_alert_is_refused_with_numbers_on_strict_and_standard() -> None:
    for profile, more in (("strict", {ReasonCode.PORTFOLIO_CORRELATION}), ("standard", set())):
        assert world.reasons(judge(HALF_IN_SPOT, profile)) == {
            ReasonCode.ORDER_NOTIONAL_LIMIT,
            ReasonCode.POSITION_LIMIT,
            *more,
        }
        assert world.reasons(judge(QUARTER_AT_5X, profile)) >= {
            ReasonCode.ORDER_NOTIONAL_LIMIT,
            ReasonCode.POSITION_LIMIT,
            ReasonCode.LEVERAGE_LIMIT,
        }


def test_careful_sizes_fill_on_standard() -> None:
    small = world.order(SPOT, in_quote=True, quantity=D(1_000))
    assert isinstance(judge(small, "standard", ExecutionMode.LIVE), ApprovedOrder)


def test_profiles_are_ordered_from_strict_to_paper() -> None:
    order = ["strict", "standard", "relaxed", "paper"]
    for tighter, looser in pairwise(order):
        both = merge_limits(PROFILES[tighter].limits, PROFILES[looser].limits)
        assert both == PROFILES[tighter].limits, (tighter, looser)


def test_the_ceiling_of_live_accounts_is_below_that_of_all() -> None:
    ceiling, live = PROFILES["platform"].limits, PROFILES["platform_live"].limits
    assert merge_limits(ceiling, live, RiskLimits(signal_age_max_ms=ceiling.signal_age_max_ms)) == merge_limits(
        live, RiskLimits(signal_age_max_ms=ceiling.signal_age_max_ms)
    )
    limits, _ = BOOK.limits_for(world.account(mode=ExecutionMode.LIVE, risk_profile="paper"), world.request())
    assert limits.leverage_max == 5
    limits, _ = BOOK.limits_for(world.account(risk_profile="paper"), world.request())
    assert limits.leverage_max == 10


def test_a_paper_account_sustains_two_hundred_orders_a_second() -> None:
    limits, _ = BOOK.limits_for(world.account(risk_profile="paper"), world.request())
    stream = [world.recent(5 * n, quantity=D("0.001")) for n in range(RECENT_ORDERS_MAX, 0, -1)]
    order = world.order(quantity=D("0.001"))
    assert isinstance(check_order(order, world.request(), world.view(*stream, limits=limits)), ApprovedOrder)


def test_source_and_account_and_tenant_all_count() -> None:
    book = ProfileBook(PROFILES, {"t1": RiskLimits(open_orders_max=7)})
    account = world.account(risk_profile="standard")
    limits, label = book.limits_for(account, world.request(risk_profile="alert"))
    assert label == "standard v1 + alert v1"
    assert (limits.open_orders_max, limits.signal_age_max_ms, limits.leverage_max) == (7, 300_000, D(2))
    assert book.limits_for(account, world.request(risk_profile="alert"))[0] is limits
    other, _ = book.limits_for(world.account(risk_profile="standard", tenant="t2"), world.request())
    assert other.open_orders_max == 40


def test_an_unknown_profile_counts_as_strict() -> None:
    for account, source in (("papr", ""), ("paper", "allert")):
        limits, label = BOOK.limits_for(world.account(risk_profile=account), world.request(risk_profile=source))
        assert merge_limits(limits, PROFILES["strict"].limits) == limits
        assert "strict v1 (for unknown" in label


def test_an_instrument_of_a_profile_tightens_its_limits() -> None:
    text = """
    [mine]
    version = 2
    description = "a test"
    limits = { leverage_max = 5 }
    instruments."BTC-USDT-SWAP" = { leverage_max = 3 }
    """
    book = ProfileBook(PROFILES | parse_toml(text))
    account = world.account(risk_profile="mine")
    for symbol, leverage in ((LINEAR, D(3)), (SPOT, D(5))):
        limits, label = book.limits_for(account, world.request(symbol=symbol, risk_profile=""))
        assert (limits.leverage_max, label) == (leverage, "mine v2")


def test_every_limit_has_a_rule() -> None:
    assert set(RULES) | set(LISTS) == set(RiskLimits.__struct_fields__)


def test_numbers_are_read_exactly() -> None:
    toml = '[p]\nversion = 1\ndescription = "d"\nlimits = { net_exposure_max = 0.1, order_notional_max_usd = 1_000.50 }'
    limits = '{"net_exposure_max": 0.1, "order_notional_max_usd": 1000.50}'
    json = f'{{"p": {{"version": 1, "description": "d", "limits": {limits}}}}}'
    for profiles in (parse_toml(toml), parse_json(json)):
        assert profiles["p"].limits == RiskLimits(net_exposure_max=D("0.1"), order_notional_max_usd=D("1000.5"))


def test_a_profile_that_was_read_can_be_written_and_read_again() -> None:
    tables = {name: msgspec.to_builtins(profile) for name, profile in PROFILES.items()}
    for table in tables.values():
        del table["name"]
    assert parse_json(msgspec.json.encode(tables).decode()) == PROFILES


@pytest.mark.parametrize(
    ("limits", "field", "value", "rule"),
    [
        ("leverage_max = 0.5", "leverage_max", "'0.5'", "must be at least 1"),
        ("gross_exposure_max = -1", "gross_exposure_max", "-1", "must not be negative"),
        ("gross_exposure_max = nan", "gross_exposure_max", "'nan'", "must be a plain number"),
        ("gross_exposure_max = inf", "gross_exposure_max", "'inf'", "must be a plain number"),
        ("gross_exposure_max = true", "gross_exposure_max", "True", "must be a plain number"),
        ("gross_exposure_max = [1]", "gross_exposure_max", "[1]", "must be a plain number"),
        ("open_orders_max = 1.5", "open_orders_max", "'1.5'", "must be a whole number"),
        ("price_collar = 1", "price_collar", "1", "must be from 0 to below 1"),
        ("duplicate_window_ms = 60_001", "duplicate_window_ms", "60001", "must be from 0 to 60000"),
        ("orders_burst_max = 513", "orders_burst_max", "513", "must be from 1 to 512"),
        ("leverage = 5", "leverage", "5", "unknown limit"),
    ],
)
def test_a_limit_that_makes_no_sense_is_named(limits: str, field: str, value: str, rule: str) -> None:
    with pytest.raises(ProfileError) as refused:
        parse_toml(f'[p]\nversion = 1\ndescription = "d"\n[p.limits]\n{limits}\n')
    [problem] = refused.value.problems
    assert (problem.field, problem.value, problem.rule) == (f"p.limits.{field}", value, rule)
    assert str(refused.value) == f"p.limits.{field} = {value}: {rule}"


def test_all_problems_are_named_at_once() -> None:
    text = '{"p": {"version": true, "colour": "red"}, "q": 5, "r": {"version": 1, "description": " ", "limits": []}}'
    with pytest.raises(ProfileError) as refused:
        parse_json(text)
    assert [problem.field for problem in refused.value.problems] == [
        "p.colour",
        "p.version",
        "q",
        "q.version",
        "r.limits",
        "r.description",
    ]


@pytest.mark.parametrize("text", ["[p", "p = 1\np = 2", "x" * 300_000])
def test_what_is_no_toml_is_refused(text: str) -> None:
    with pytest.raises(ProfileError):
        parse_toml(text)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": ' * 20_000, "1" * 5_000])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(ProfileError):
        parse_json(text)
