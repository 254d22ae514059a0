from __future__ import annotations

import json
from decimal import Decimal

import msgspec
from msgspec.structs import replace

from fairlead.core.model import events as ev
from fairlead.core.model.account import Balance, MarginMode, PositionMode, PositionSide
from fairlead.core.model.reports import ReportBorn
from fairlead.core.model.request import OrderType, Side
from fairlead.core.model.risk import CheckCode, ReasonCode
from fairlead.reporting.explain import explain
from fairlead.reporting.explain_text import explanation_text
from fairlead.reporting.explanation import Explanation, RefusedCallPart, SubjectKind, explanation_to_builtins
from tests.reporting import evidence as given

FILLED = (
    given.received(),
    given.handled(),
    ev.OrderRequested(request=given.request("net")),
    given.approved("net"),
    given.accepted("net"),
    given.fill("net", "t-1", "8.33", "60000", is_last=True),
)


def found(subject: str, *events: ev.Event) -> Explanation:
    explanation = explain(subject, given.evidence(*events))
    assert explanation is not None
    return explanation


def test_a_filled_alert_shows_bytes_mapping_sizing_checks_messages_and_fills() -> None:
    explanation = found("alert-1", *FILLED)

    assert explanation.kind is SubjectKind.ALERT
    assert explanation.alert is not None
    assert explanation.alert.body == given.BODY.decode()
    assert explanation.alert.mapping == ("BTCUSDT.P", "BTC-USDT-SWAP")
    (account,) = explanation.accounts
    assert (account.label, account.status, account.filled_quantity, account.unit) == (
        "net",
        "filled",
        Decimal("8.33"),
        "contracts",
    )
    (order,) = account.orders
    assert order.sizing == given.SIZING
    assert order.verdict is not None
    assert [message.what for message in order.messages] == ["approved", "accepted", "fill"]
    assert [(fill.price, fill.fee) for fill in order.fills] == [(Decimal(60000), Decimal("0.5"))]
    assert explanation.totals.fees == {"USDT": Decimal("0.5")}


def test_the_text_of_a_filled_alert_tells_the_whole_story() -> None:
    text = explanation_text(found("alert-1", *FILLED))

    for part in (
        "52.89.214.238",
        "on hook tradingview",
        given.BODY.decode(),
        "BTCUSDT.P is BTC-USDT-SWAP",
        "field comment is not used",
        "net (PAPER, paper okx, net mode): FILLED 8.33 contracts at 60000, fee 0.5 USDT",
        "buy 10% of BTC-USDT-SWAP, market, 5x, cross",
        "83.33 x 0.1, rounded down = 8.33 contracts",
        "MAX_ORDER passed: 4,998.00 USD, limit 25,000.00 USD",
        "accepted as P-1",
        "8.33 contracts at 60000, taker, fee 0.5 USDT",
        "Together: 1 account: 1 filled",
    ):
        assert part in text
    assert "\x1b[" not in text


def test_each_step_says_how_long_it_took_and_all_add_up_to_the_whole() -> None:
    explanation = found("alert-1", *FILLED)
    steps = explanation.accounts[0].timing
    assert [(step.name, step.took_ms) for step in steps] == [
        ("handled", 1),
        ("decided", 3),
        ("answered by the venue", 1),
        ("filled", 1),
    ]
    assert steps[-1].at_ms == given.T0 + sum(step.took_ms for step in steps)
    line = "handled +1 ms, decided +3 ms, answered by the venue +1 ms, filled +1 ms: 6 ms in all"
    assert line in explanation_text(explanation)


def test_the_steps_of_a_request_that_became_no_order_end_with_its_denial() -> None:
    denied = ev.RequestExpired(request_id="req-net", account_id="acc-net", valid_until_ms=given.T0, at_ms=given.T0 + 9)
    explanation = found("alert-1", *FILLED[:3], denied)
    assert [(step.name, step.took_ms) for step in explanation.accounts[0].timing] == [("handled", 1), ("decided", 8)]


def test_colours_change_no_word() -> None:
    explanation = found("alert-1", *FILLED)
    coloured = explanation_text(explanation, colour=True)

    assert "\x1b[32m" in coloured
    for code in ("0", "1", "2", "31", "32", "33"):
        coloured = coloured.replace(f"\x1b[{code}m", "")
    assert coloured == explanation_text(explanation)


def test_a_partial_fill_whose_rest_was_canceled_shows_both() -> None:
    rest = ev.OrderCanceled(
        order_id="ord-net",
        account_id="acc-net",
        reason_code="no_liquidity",
        message="book is empty",
        at_ms=given.T0 + 9,
    )
    explanation = found("alert-1", *FILLED[:5], given.fill("net", "t-1", "3.00", "60000", is_last=False), rest)

    (account,) = explanation.accounts
    (order,) = account.orders
    assert (order.status, order.reason_code, order.filled_quantity) == ("canceled", "no_liquidity", Decimal("3.00"))
    assert account.status == "filled"
    assert "3 contracts at 60000" in explanation_text(explanation)


def test_an_order_that_still_works_is_not_called_filled() -> None:
    explanation = found("alert-1", *FILLED[:5], given.fill("net", "t-1", "3.00", "60000", is_last=False))

    assert explanation.accounts[0].orders[0].status == "partially_filled"
    assert explanation.accounts[0].status == "accepted"


def test_the_average_of_several_fills_is_weighted_by_quantity() -> None:
    first = given.fill("net", "t-1", "2", "60000", is_last=False)
    second = given.fill("net", "t-2", "6", "60100", is_last=True)
    explanation = found("alert-1", *FILLED[:5], first, second)

    assert explanation.accounts[0].orders[0].average_price == Decimal(60075)
    assert "average price 60075 over 2 fills" in explanation_text(explanation)


def test_a_denial_shows_every_check_with_its_numbers() -> None:
    checks = (
        given.check(CheckCode.MAX_ORDER, "4998", "250", ReasonCode.ORDER_NOTIONAL_LIMIT),
        given.check(CheckCode.LEV, "5", "2", ReasonCode.LEVERAGE_LIMIT),
        given.check(CheckCode.COLLAR, "1", "3"),
    )
    denial = ev.RequestDenied(
        request_id="req-net",
        account_id="acc-net",
        reason_code="order_notional_limit",
        message="the order is larger than the profile allows",
        numbers={"notional": "4998", "limit": "250"},
        sizing=given.SIZING,
        verdict=given.verdict("net", *checks),
        at_ms=given.T0 + 4,
    )
    explanation = found("alert-1", *FILLED[:3], denial)
    text = explanation_text(explanation)

    assert explanation.accounts[0].status == "denied"
    assert explanation.accounts[0].orders == ()
    assert explanation.totals.failed == 1
    assert "because    MAX_ORDER denied: order value 4,998.00 USD is above the limit 250.00 USD" in text
    assert "MAX_ORDER denied: order value 4,998.00 USD is above the limit 250.00 USD" in text
    assert "LEV denied: leverage 5.00 USD is above the limit 2.00 USD" in text
    assert "COLLAR passed: 1.00 USD, limit 3.00 USD" in text


def test_closing_nothing_is_a_success_with_its_reason() -> None:
    skipped = ev.RequestSkipped(
        request_id="req-net",
        account_id="acc-net",
        reason_code="nothing_to_close",
        message="there is no position",
        sizing=(),
        verdict=None,
        order=None,
        at_ms=given.T0 + 4,
    )
    asked = ev.OrderRequested(request=given.request("net", given.CLOSE_ALL))
    explanation = found("alert-1", given.received(), given.handled(), asked, skipped)

    assert (explanation.totals.successful, explanation.totals.failed) == (1, 0)
    assert "nothing_to_close there is no position" in explanation_text(explanation)
    assert "close everything of BTC-USDT-SWAP" in explanation_text(explanation)


def test_a_duplicate_is_explained_by_the_first_alert() -> None:
    again = ev.AlertDuplicated(
        alert_id="alert-2",
        hook_id="hook-1",
        duplicate_of="alert-1",
        source_address="52.32.178.7",
        received_ms=given.T0 + 5_000,
    )
    explanation = found("alert-2", *FILLED, again)

    assert explanation.alert is not None
    assert explanation.alert.alert_id == "alert-1"
    assert [repeat.alert_id for repeat in explanation.alert.repeats] == ["alert-2"]
    assert "alert-2 is the same alert sent again" in explanation_text(explanation)


def test_a_stale_alert_says_how_old_it_was() -> None:
    stale = given.handled("stale", "signal_stale", "it was 75 s old, the limit is 60 s")
    explanation = found("alert-1", given.received(), stale)

    assert explanation.accounts == ()
    assert "verdict    stale: signal_stale it was 75 s old, the limit is 60 s" in explanation_text(explanation)


def test_an_unknown_outcome_that_was_settled_shows_both_moments() -> None:
    doubt = ev.OrderUnknown(
        order_id="ord-net", account_id="acc-net", message="no answer in 5 s", at_ms=given.T0 + 5_003
    )
    explanation = found("alert-1", *FILLED[:4], doubt, *FILLED[4:])

    (order,) = explanation.accounts[0].orders
    assert [message.what for message in order.messages] == ["approved", "unknown", "accepted", "fill"]
    assert (order.status, order.message) == ("filled", "")


def test_an_unknown_outcome_counts_as_pending() -> None:
    doubt = ev.OrderUnknown(
        order_id="ord-net", account_id="acc-net", message="no answer in 5 s", at_ms=given.T0 + 5_003
    )
    explanation = found("alert-1", *FILLED[:4], doubt)

    assert explanation.accounts[0].status == "unknown"
    assert explanation.totals.pending == 1


def test_an_order_id_explains_its_own_account_only() -> None:
    other = ev.OrderRequested(request=given.request("hedge"))
    explanation = found("ord-net", *FILLED, other)

    assert explanation.kind is SubjectKind.ORDER
    assert [account.account_id for account in explanation.accounts] == ["acc-net"]
    assert explanation.alert is not None


def test_a_request_id_explains_its_own_account_only() -> None:
    explanation = found("req-hedge", *FILLED, ev.OrderRequested(request=given.request("hedge")))

    assert explanation.kind is SubjectKind.REQUEST
    assert [(account.account_id, account.status) for account in explanation.accounts] == [("acc-hedge", "queued")]


def test_an_id_that_nothing_knows_has_no_explanation() -> None:
    assert explain("nobody", given.evidence(*FILLED)) is None


def test_a_liquidation_is_explained_though_nobody_asked_for_it() -> None:
    born = ev.VenueOrderBorn(
        account_id="acc-net",
        report=ReportBorn(
            order_id="liq-1",
            venue_order_id="P-9",
            parent_id="",
            origin="liquidation",
            symbol="BTC-USDT-SWAP",
            side=Side.SELL,
            position_side=PositionSide.NET,
            margin_mode=MarginMode.CROSS,
            order_type=OrderType.MARKET,
            quantity=Decimal("8.33"),
            stop_loss_price=None,
            take_profit_price=None,
            at_ms=given.T0,
        ),
    )
    explanation = found("liq-1", born)

    assert explanation.accounts[0].request is None
    assert "the venue made this order (liquidation)" in explanation_text(explanation)


def test_leverage_set_for_a_request_is_shown_with_it_and_not_with_the_next() -> None:
    change = ev.LeverageChanged(
        account_id="acc-net",
        symbol="BTC-USDT-SWAP",
        margin_mode=MarginMode.CROSS,
        position_side=PositionSide.NET,
        leverage=Decimal(5),
        at_ms=given.T0 + 2,
        request_id="req-net",
    )
    own = found("alert-1", *FILLED[:3], change, *FILLED[3:])
    another = found("alert-1", *FILLED[:3], msgspec.structs.replace(change, request_id="the next"), *FILLED[3:])

    assert [setting.what for setting in own.accounts[0].settings] == ["leverage set"]
    assert another.accounts[0].settings == ()


def test_balances_of_other_currencies_are_left_out() -> None:
    evidence = given.evidence(*FILLED, accounts=(given.account("net", PositionMode.LONG_SHORT),))
    balances = tuple(
        Balance(tenant="t1", account_id="acc-net", currency=currency, total=Decimal(100), reserved=Decimal(30))
        for currency in ("USDT", "ETH")
    )
    explanation = explain("alert-1", replace(evidence, balances=balances))

    assert explanation is not None
    assert [balance.currency for balance in explanation.accounts[0].balances] == ["USDT"]
    assert "now 100 USDT, of it 70 available" in explanation_text(explanation)


def test_json_holds_every_decimal_as_text() -> None:
    plain = explanation_to_builtins(found("alert-1", *FILLED))

    text = json.dumps(plain)
    assert '"price": "60000"' in text
    assert '"fees": {"USDT": "0.5"}' in text


def test_a_refused_call_says_that_it_had_no_effect() -> None:
    call = RefusedCallPart(
        call_id="call-1",
        hook_id="",
        hook_label="",
        received_ms=given.T0,
        source_address="203.0.113.9",
        status_code=401,
        error="missing or wrong token",
    )
    explanation = explain("call-1", replace(given.evidence(), refused_call=call))

    assert explanation is not None
    assert "401 missing or wrong token" in explanation_text(explanation)
    assert "no order was requested" in explanation_text(explanation)
