"""Every finding has a sentence, with the numbers that decided."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from fairlead.core.model.risk import CheckCode, CheckOutcome, ReasonCode, RiskCheck
from fairlead.core.rules.risk import check_order, explain_check
from tests.core import risk_world as world
from tests.core.risk_world import LINEAR, NOW_MS, SPOT, D


def denial(code: CheckCode, reason_code: ReasonCode, *numbers: str, unit: str = "", detail: str = "") -> RiskCheck:
    value, limit = (Decimal(number) for number in numbers) if numbers else (None, None)
    return RiskCheck(
        code=code,
        outcome=CheckOutcome.DENY,
        reason_code=reason_code,
        value=value,
        limit=limit,
        unit=unit,
        detail=detail,
    )


def test_money_reads_as_money_with_its_share() -> None:
    check = denial(
        CheckCode.MAX_ORDER,
        ReasonCode.ORDER_NOTIONAL_LIMIT,
        "5012.4",
        "1000",
        unit="USD",
        detail="10 % of equity",
    )
    assert explain_check(check) == (
        "MAX_ORDER denied: order value 5,012.40 USD is above the limit 1,000.00 USD (10 % of equity)"
    )


@pytest.mark.parametrize("reason_code", [code for code in ReasonCode if code is not ReasonCode.NONE])
def test_every_reason_has_a_sentence(reason_code: ReasonCode) -> None:
    bare = explain_check(denial(CheckCode.POS, reason_code))
    assert bare.startswith("POS denied: ")
    assert "2 x" in explain_check(denial(CheckCode.POS, reason_code, "2", "1", unit="x"))


def test_the_decision_record_lists_every_check_and_every_finding() -> None:
    record = (Path(__file__).parents[2] / "docs/decisions/0003-risk-check-order-and-codes.md").read_text(
        encoding="utf-8"
    )
    assert [code for code in CheckCode if f"| {code} |" not in record] == []
    assert [code for code in ReasonCode if f"`{code}`" not in record and code is not ReasonCode.NONE] == []


def test_what_is_too_little_is_below_its_limit() -> None:
    check = denial(CheckCode.LIQ_DIST, ReasonCode.LIQUIDATION_NEAR, "9.6", "10", unit="%", detail="of the mark price")
    assert explain_check(check) == (
        "LIQ_DIST denied: distance to the liquidation price 9.6 % is below the limit 10 % (of the mark price)"
    )


def test_two_facts_stand_beside_each_other() -> None:
    check = denial(CheckCode.STOP_SIDE, ReasonCode.STOP_LOSS_SIDE, "51000", "50000", unit="USDT", detail="buy order")
    assert explain_check(check) == (
        "STOP_SIDE denied: the stop-loss is on the wrong side of the entry: 51,000 USDT against 50,000 USDT (buy order)"
    )


def test_numbers_that_differ_never_read_the_same() -> None:
    check = denial(CheckCode.GROSS, ReasonCode.GROSS_EXPOSURE_LIMIT, "1000.001", "1000", unit="USD")
    assert explain_check(check) == "GROSS denied: gross exposure 1000.001 USD is above the limit 1000 USD"


def test_what_passed_and_what_did_not_apply() -> None:
    outcome = check_order(world.order(), world.request(), world.view(order_equity_share_max=D("0.5")))
    [passed] = world.checks_of(outcome, CheckCode.MAX_ORDER)
    assert explain_check(passed) == "MAX_ORDER passed: 1,000.00 USD, limit 5,000.00 USD (50 % of equity)"
    [skipped] = world.checks_of(outcome, CheckCode.GROSS)
    assert explain_check(skipped) == "GROSS skipped (no limit set)"
    [bare] = world.checks_of(outcome, CheckCode.KILL)
    assert explain_check(bare) == "KILL passed"


def test_sentences_of_real_refusals() -> None:
    view = world.view(
        world.recent(1_200),
        limits=world.view(
            duplicate_window_ms=5_000,
            orders_per_second_max=D(1),
            orders_burst_max=1,
            leverage_max=D(2),
            price_collar=D("0.01"),
            position_equity_share_max_spot=D("0.05"),
        ).limits,
        latches=("account a1",),
        quotes={**world.quotes(), SPOT: world.quote(SPOT, D(50_000), at_ms=NOW_MS - 500, mark=D(40_000))},
    )
    spot = check_order(world.order(), world.request(), view)
    perpetual = check_order(world.order(LINEAR), world.request(), view)
    said = {explain_check(check) for check in (*spot.verdict.denials, *perpetual.verdict.denials)}
    assert said == {
        "KILL denied: a kill switch is on (account a1)",
        (
            "DUP denied: the same order was approved before; time since then 1,200 ms is below the limit 5,000 ms "
            "(same as in request earlier)"
        ),
        "COLLAR denied: price 50,000.5 USDT is above the limit 40,400 USDT (1 % above 40000)",
        "POS denied: position 1,000.00 USD is above the limit 500.00 USD (5 % of equity, BTC spot)",
        "LEV denied: leverage 5 x is above the limit 2 x (BTC-USDT-SWAP setting)",
    }
