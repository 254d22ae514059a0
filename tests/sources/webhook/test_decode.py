"""Alerts are read leniently in case and spelling, strictly in value; a wrong one is described field by field."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.request import (
    Close,
    CloseScope,
    Enter,
    OrderType,
    SetTarget,
    Side,
    Size,
    SizeUnit,
    TargetPosition,
)
from fairlead.core.rules.symbols import ProductType
from fairlead.sources.webhook.alert import Alert, Malformed
from fairlead.sources.webhook.decode import FIELDS, IGNORED_FIELDS, decode_alert
from fairlead.sources.webhook.json_text import parse_body

TOKEN = "flh_" + "Zk3" * 14
SPOT: dict[str, object] = {
    "authToken": TOKEN,
    "exchange": "okx",
    "symbol": "BTC-USDT",
    "type": "spot",
    "side": "buy",
    "qty": "0.1",
}
PERPS: dict[str, object] = SPOT | {"symbol": "BTC-USDT-SWAP", "type": "perps", "marginMode": "cross", "leverage": 5}
CLOSE: dict[str, object] = {
    "authToken": TOKEN,
    "exchange": "okx",
    "symbol": "BTC-USD-SWAP",
    "type": "invperps",
    "closePosition": True,
}


def decode_text(text: str, *, strict_fields: bool = False) -> Alert | Malformed:
    body = parse_body(text.encode())
    return body if isinstance(body, Malformed) else decode_alert(body, strict_fields=strict_fields, secrets=(TOKEN,))


def decode(fields: dict[str, object]) -> Alert:
    alert = decode_text(json.dumps(fields))
    assert isinstance(alert, Alert), alert
    return alert


def refuse(fields: dict[str, object], *, strict_fields: bool = False) -> dict[str, tuple[str, str]]:
    malformed = decode_text(json.dumps(fields), strict_fields=strict_fields)
    assert isinstance(malformed, Malformed), malformed
    assert TOKEN not in repr(malformed)
    return {error.field: (error.value, error.rule) for error in malformed.details}


def size(amount: str, unit: SizeUnit) -> Size:
    return Size(amount=Decimal(amount), unit=unit)


def test_the_plainest_alert_is_an_entry_in_the_instruments_own_unit() -> None:
    alert = decode(SPOT)
    assert alert.intent == Enter(side=Side.BUY, size=size("0.1", SizeUnit.NATIVE))
    assert (alert.exchange, alert.symbol_text, alert.product) == ("okx", "BTC-USDT", ProductType.SPOT)
    assert (alert.warnings, alert.dry_run, alert.order_type) == ((), False, OrderType.MARKET)


def test_w16_a_number_and_the_same_number_in_quotes_are_equal() -> None:
    expected = decode(SPOT)
    for written in ("0.1", '"0.1"', '"0.10"', "1e-1", "0.100000", '"0.100000"'):
        text = json.dumps(SPOT | {"qty": "QTY"}).replace('"QTY"', written)
        assert decode_text(text) == expected, written


def test_w16_any_case_is_read() -> None:
    upper = PERPS | {"exchange": "OKX", "type": "PERPS", "side": "Buy", "marginMode": "CROSS"}
    assert decode(upper) == decode(PERPS)


def test_w16_closing_needs_neither_side_quantity_leverage_nor_margin_mode() -> None:
    for flag in (True, "true", "True"):
        alert = decode(CLOSE | {"closePosition": flag})
        assert alert.intent == Close(scope=CloseScope.ACCOUNT)
        assert (alert.leverage, alert.margin_mode) == (None, None)


def test_w07_closing_twice_asks_for_the_same_close_twice() -> None:
    assert decode(CLOSE) == decode(CLOSE)


def test_a_close_may_be_partial_and_scoped_and_ignores_what_an_entry_needs() -> None:
    alert = decode(CLOSE | {"qty": "50%", "closeScope": "STRATEGY", "side": "sell", "slPrice": 1, "leverage": "3"})
    half = size("50", SizeUnit.PERCENT)
    assert alert.intent == Close(scope=CloseScope.STRATEGY, size=half, order_side=Side.SELL)
    assert alert.stop_loss_price is None
    assert alert.warnings == (
        "side sell closes the long side of a long/short account; a net account ignores it",
        "slPrice is ignored because closePosition is true",
    )


def test_a_close_may_name_the_side_of_the_position() -> None:
    alert = decode(CLOSE | {"positionSide": "Short", "side": "sell"})
    assert alert.intent == Close(position_side=PositionSide.SHORT)
    assert isinstance(decode_text(json.dumps(CLOSE | {"positionSide": "both"})), Malformed)


def test_a_close_is_never_refused_for_the_side_that_old_senders_put_there() -> None:
    for side in ("", "close", 1):
        assert decode(CLOSE | {"side": side}).intent == Close()
    spot = CLOSE | {"type": "spot", "symbol": "BTC-USDT", "side": "sell"}
    assert decode(spot).intent == Close()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"qty": "50%"}, size("50", SizeUnit.PERCENT)),
        ({"qty": "0.5%"}, size("0.5", SizeUnit.PERCENT)),
        ({"qty": "100%", "qtyUnit": "percent"}, size("100", SizeUnit.PERCENT)),
        ({"qty": 25, "qtyUnit": "PERCENT"}, size("25", SizeUnit.PERCENT)),
        ({"qty": 3, "qtyUnit": "contracts"}, size("3", SizeUnit.CONTRACTS)),
        ({"qty": "0.1", "qtyUnit": "base"}, size("0.1", SizeUnit.BASE)),
        ({"qty": 1000, "qtyUnit": "quote"}, size("1000", SizeUnit.QUOTE)),
        ({"qty": "7"}, size("7", SizeUnit.NATIVE)),
    ],
)
def test_a_size_carries_its_unit(fields: dict[str, object], expected: Size) -> None:
    assert decode(PERPS | fields).intent == Enter(side=Side.BUY, size=expected)


def test_every_extended_field_is_read() -> None:
    alert = decode(
        PERPS
        | {
            "accounts": ["default", "main", "default"],
            "alertId": 17,
            "alertTime": "2026-01-02T03:04:05Z",
            "maxLagSeconds": "60",
            "ordType": "LIMIT",
            "price": "64000.5",
            "slPrice": 61250,
            "tpPrice": "70000",
            "reduceOnly": True,
            "strategyId": "ema-cross",
            "dryRun": "true",
            "prevMarketPosition": "Flat",
        }
    )
    assert alert.accounts == ("default", "main")
    assert (alert.explicit_key, alert.alert_time_ms, alert.lag_max_ms) == ("17", 1_767_323_045_000, 60_000)
    assert (alert.order_type, alert.limit_price) == (OrderType.LIMIT, Decimal("64000.5"))
    assert (alert.stop_loss_price, alert.take_profit_price) == (Decimal(61250), Decimal(70000))
    assert (alert.margin_mode, alert.leverage) == (MarginMode.CROSS, Decimal(5))
    assert alert.reduce_only
    assert alert.dry_run
    assert (alert.strategy_id, alert.previous_target) == ("ema-cross", TargetPosition.FLAT)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"marketPosition": "long"}, SetTarget(target=TargetPosition.LONG, size=size("0.1", SizeUnit.NATIVE))),
        ({"marketPosition": "flat"}, SetTarget(target=TargetPosition.FLAT)),
        ({"marketPosition": "flat", "positionSize": 0}, SetTarget(target=TargetPosition.FLAT)),
        (
            {"marketPosition": "SHORT", "positionSize": "-2", "qtyUnit": "contracts"},
            SetTarget(target=TargetPosition.SHORT, size=size("2", SizeUnit.CONTRACTS)),
        ),
        (
            {"marketPosition": "short", "positionSize": 2, "qty": "25%"},
            SetTarget(target=TargetPosition.SHORT, size=size("2", SizeUnit.NATIVE)),
        ),
    ],
)
def test_a_market_position_is_a_target(fields: dict[str, object], expected: SetTarget) -> None:
    assert decode(PERPS | fields).intent == expected


def test_a_target_needs_no_side() -> None:
    alert = decode({name: value for name, value in PERPS.items() if name != "side"} | {"marketPosition": "long"})
    assert isinstance(alert.intent, SetTarget)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"exchange": None}, "exchange"),
        ({"exchange": 7}, "exchange"),
        ({"exchange": "o" * 33}, "exchange"),
        ({"symbol": None}, "symbol"),
        ({"symbol": "B" * 10_000}, "symbol"),
        ({"symbol": "BTC\nUSDT"}, "symbol"),
        ({"symbol": "{{ticker}}"}, "symbol"),
        ({"type": None}, "type"),
        ({"type": "margin"}, "type"),
        ({"type": ["perps"]}, "type"),
        ({"side": None}, "side"),
        ({"side": "long"}, "side"),
        ({"side": True}, "side"),
        ({"side": "{{strategy.order.action}}"}, "side"),
        ({"qty": None}, "qty"),
        ({"qty": ""}, "qty"),
        ({"qty": 0}, "qty"),
        ({"qty": "-1"}, "qty"),
        ({"qty": -1}, "qty"),
        ({"qty": "50abc%"}, "qty"),
        ({"qty": "0%"}, "qty"),
        ({"qty": "-5%"}, "qty"),
        ({"qty": "100.01%"}, "qty"),
        ({"qty": "%"}, "qty"),
        ({"qty": "1%%"}, "qty"),
        ({"qty": "1 000"}, "qty"),
        ({"qty": "1_000"}, "qty"),
        ({"qty": "0x10"}, "qty"),
        ({"qty": "\u0661"}, "qty"),
        ({"qty": "NaN"}, "qty"),
        ({"qty": "1e400"}, "qty"),
        ({"qty": "1" * 21}, "qty"),
        ({"qty": "0." + "0" * 18 + "1"}, "qty"),
        ({"qty": True}, "qty"),
        ({"qty": ["1"]}, "qty"),
        ({"qty": {"amount": 1}}, "qty"),
        ({"qty": "101", "qtyUnit": "percent"}, "qty"),
        ({"qty": "50%", "qtyUnit": "base"}, "qty"),
        ({"qtyUnit": "lots"}, "qtyUnit"),
        ({"type": "spot", "qtyUnit": "contracts"}, "qtyUnit"),
        ({"marginMode": None}, "marginMode"),
        ({"marginMode": "cash"}, "marginMode"),
        ({"leverage": None}, "leverage"),
        ({"leverage": 0}, "leverage"),
        ({"leverage": "-2"}, "leverage"),
        ({"leverage": "5x"}, "leverage"),
        ({"closePosition": "yes"}, "closePosition"),
        ({"closePosition": 1}, "closePosition"),
        ({"dryRun": "maybe"}, "dryRun"),
        ({"dryRun": 0}, "dryRun"),
        ({"reduceOnly": "true"}, "reduceOnly"),
        ({"strategyId": "s" * 65}, "strategyId"),
        ({"strategyId": 5}, "strategyId"),
        ({"accounts": "default"}, "accounts"),
        ({"accounts": [1]}, "accounts"),
        ({"accounts": [""]}, "accounts"),
        ({"accounts": ["a" * 65]}, "accounts"),
        ({"accounts": [["default"]]}, "accounts"),
        ({"idempotencyKey": ""}, "idempotencyKey"),
        ({"idempotencyKey": "k" * 129}, "idempotencyKey"),
        ({"alertId": True}, "alertId"),
        ({"alertId": "{{strategy.order.id}}"}, "alertId"),
        ({"alertId": "a", "idempotencyKey": "b"}, "alertId"),
        ({"alertTime": "yesterday"}, "alertTime"),
        ({"alertTime": "2026-01-02T03:04:05"}, "alertTime"),
        ({"alertTime": "2026-02-30T03:04:05Z"}, "alertTime"),
        ({"alertTime": -5}, "alertTime"),
        ({"alertTime": 1e20}, "alertTime"),
        ({"alertTime": False}, "alertTime"),
        ({"maxLagSeconds": 0}, "maxLagSeconds"),
        ({"maxLagSeconds": "1.5"}, "maxLagSeconds"),
        ({"maxLagSeconds": 86_401}, "maxLagSeconds"),
        ({"ordType": "stop"}, "ordType"),
        ({"ordType": "limit"}, "price"),
        ({"ordType": "limit", "price": 0}, "price"),
        ({"slPrice": "low"}, "slPrice"),
        ({"slPrice": -1}, "slPrice"),
        ({"tpPrice": {}}, "tpPrice"),
        ({"closeScope": "all"}, "closeScope"),
        ({"marketPosition": "up"}, "marketPosition"),
        ({"marketPosition": "short", "type": "spot"}, "marketPosition"),
        ({"marketPosition": "long", "qty": None}, "qty"),
        ({"marketPosition": "long", "positionSize": -1}, "positionSize"),
        ({"marketPosition": "long", "positionSize": 0}, "positionSize"),
        ({"marketPosition": "flat", "positionSize": 1}, "positionSize"),
        ({"marketPosition": "long", "positionSize": "many"}, "positionSize"),
        ({"prevMarketPosition": "none"}, "prevMarketPosition"),
    ],
)
def test_a_wrong_field_is_named_with_its_rule(fields: dict[str, object], wrong: str) -> None:
    errors = refuse(PERPS | fields)
    assert list(errors) == [wrong]
    value, rule = errors[wrong]
    assert rule
    assert len(value) <= 43


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("+5", "plus sign"),
        ("00.5", "begin with zeros"),
        ("-01", "begin with zeros"),
        ("05%", "begin with zeros"),
        ("1e5", "exponent"),
        ("1E-7", "exponent"),
        ("5e1%", "exponent"),
        (" 5", "spaces"),
        ("5 ", "spaces"),
        ("5 %", "spaces"),
        ("5\n", "spaces"),
        ("1_000", "not a plain decimal number"),
        ("1,000", "not a plain decimal number"),
        (".5", "not a plain decimal number"),
        ("\u0665", "not a plain decimal number"),
    ],
)
def test_a_number_that_could_be_read_in_two_ways_is_refused_with_its_rule(text: str, rule: str) -> None:
    ((field, (_, told)),) = refuse(PERPS | {"qty": text}).items()
    assert (field, rule in told) == ("qty", True)


@pytest.mark.parametrize("name", ["leverage", "slPrice", "tpPrice", "positionSize"])
def test_every_number_is_read_as_strictly_as_a_quantity(name: str) -> None:
    assert "plus sign" in refuse(PERPS | {"marketPosition": "long", name: "+5"})[name][1]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert set(refuse({"qty": "x"})) == {"exchange", "symbol", "type", "side", "qty"}


def test_a_secret_is_never_shown_not_even_in_part() -> None:
    errors = refuse(PERPS | {"side": TOKEN, "qty": f"x{TOKEN[5:20]}", TOKEN: 1}, strict_fields=True)
    assert errors["side"][0] == "***"
    assert errors["qty"][0] == "***"
    assert "***" in errors


def test_ignored_and_unknown_fields_are_warnings() -> None:
    alert = decode(SPOT | {"action": "buy", "comment": [1], "takeProfits": [1, 2], "\ud800": 1})
    assert alert.warnings == (
        "action is accepted and ignored",
        "comment is accepted and ignored",
        "takeProfits is not a known field and was ignored",
        "? is not a known field and was ignored",
    )
    assert len(decode(SPOT | {f"field{number}": 1 for number in range(500)}).warnings) == 21


def test_a_strict_hook_refuses_unknown_fields_but_not_ignored_ones() -> None:
    assert set(refuse(SPOT | {"action": "buy", "takeProfits": 1}, strict_fields=True)) == {"takeProfits"}


def test_spot_ignores_margin_and_market_ignores_price() -> None:
    alert = decode(SPOT | {"marginMode": "nonsense", "leverage": "nonsense", "price": "1"})
    assert (alert.margin_mode, alert.leverage, alert.limit_price) == (None, None, None)
    assert len(alert.warnings) == 3


def test_null_means_absent() -> None:
    assert decode(SPOT | {"price": None, "strategyId": None, "alertTime": None}) == decode(SPOT)


@pytest.mark.parametrize("name", ["dryRun", "closePosition", "reduceOnly", "accounts", "closeScope", "positionSide"])
def test_null_never_stands_for_a_decision(name: str) -> None:
    fields = (CLOSE if name == "positionSide" else SPOT) | {name: None}
    assert refuse(fields) == {name: ("null", "must not be null: say what is meant, or leave the field out")}


def test_an_empty_list_of_accounts_means_nothing() -> None:
    assert "1 to" in refuse(SPOT | {"accounts": []})["accounts"][1]


def test_a_number_with_a_thousand_digits_is_refused_quickly() -> None:
    assert decode_text(json.dumps(SPOT).replace('"0.1"', "9" * 60_000)) == decode_text(
        json.dumps(SPOT).replace('"0.1"', '"' + "9" * 60_000 + '"')
    )


def json_values() -> st.SearchStrategy[object]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
    likely = st.sampled_from(
        ["okx", "BTC-USDT", "spot", "perps", "buy", "50%", "0.1", "true", "long", "limit", "1e400"]
    )
    return st.recursive(leaves | likely, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner))


@given(st.dictionaries(st.sampled_from(sorted(FIELDS | IGNORED_FIELDS)) | st.text(max_size=12), json_values()))
def test_any_object_is_an_alert_or_malformed(fields: dict[str, object]) -> None:
    result = decode_text(json.dumps(fields))
    assert isinstance(result, Alert | Malformed)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), json_values(), max_size=2))
def test_a_good_alert_with_any_two_fields_changed_is_an_alert_or_malformed(fields: dict[str, object]) -> None:
    result = decode_text(json.dumps(PERPS | fields))
    if isinstance(result, Alert) and isinstance(result.intent, Enter):
        assert result.intent.size.amount > 0
        assert result.intent.size.amount.is_finite()
