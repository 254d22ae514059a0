"""Our orders in ccxt's words, and back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.instrument import InstrumentKind
from fairlead.core.model.money import AmountError
from fairlead.core.model.reports import ReportAccepted, ReportCanceled, ReportFill
from fairlead.core.model.request import OrderType, Side, TimeInForce
from fairlead.venues.ccxt import wire
from fairlead.venues.ccxt.markets import instrument_of, read_amount, symbol_of
from tests.venues.paper_world import paper_order

LIMIT = {"order_type": OrderType.LIMIT, "limit_price": Decimal("60000.5")}
TRADE = {"id": "7", "price": "60000.5", "amount": "0.4", "timestamp": 5, "fee": {"cost": "0.1", "currency": "USDT"}}


def wish(**changes: Any) -> wire.Wish:  # noqa: ANN401  # whatever an order has
    return wire.new_order(paper_order(1, **changes), "BTC/USDT:USDT", has_client_ids=True)


def test_an_order_is_sent_as_text_with_our_id() -> None:
    found = wish(quantity=Decimal("1E+1"), **LIMIT)
    assert (found.order_type, found.side, found.amount, found.price) == ("limit", "buy", "10", "60000.5")
    assert found.params == {"clientOrderId": paper_order().order_id, "marginMode": "cross"}


@pytest.mark.parametrize(
    ("changes", "params"),
    [
        ({"post_only": True}, {"postOnly": True}),
        ({"time_in_force": TimeInForce.IOC}, {"timeInForce": "IOC"}),
        ({"reduce_only": True}, {"reduceOnly": True}),
        ({"position_side": PositionSide.LONG}, {"hedged": True, "reduceOnly": False}),
        ({"position_side": PositionSide.LONG, "side": Side.SELL}, {"hedged": True, "reduceOnly": True}),
        ({"position_side": PositionSide.SHORT, "side": Side.SELL}, {"hedged": True, "reduceOnly": False}),
    ],
)
def test_terms_go_along(changes: dict[str, Any], params: dict[str, Any]) -> None:
    found = wish(**LIMIT, **changes).params
    assert {name: value for name, value in found.items() if name not in {"clientOrderId", "marginMode"}} == params


def test_spot_says_nothing_of_margin() -> None:
    assert "marginMode" not in wish(margin_mode=MarginMode.CASH).params


def test_an_exchange_that_knows_no_ids_of_ours_is_sent_none() -> None:
    assert "clientOrderId" not in wire.new_order(paper_order(), "BTC/USDT", has_client_ids=False).params


@pytest.mark.parametrize(
    "changes",
    [
        {"stop_loss_price": Decimal(1)},
        {"take_profit_price": Decimal(1)},
        {"order_type": OrderType.STOP_MARKET, "trigger_price": Decimal(1)},
    ],
)
def test_what_would_leave_a_holding_unprotected_is_not_sent(changes: dict[str, Any]) -> None:
    with pytest.raises(wire.NotOfferedError):
        wish(**changes)


def test_a_story_waits_until_all_trades_are_listed() -> None:
    found = {"id": "1", "status": "closed", "filled": "0.8", "timestamp": 4}
    order = paper_order(quantity=Decimal("0.8"))
    assert wire.story(order, found, [TRADE]) is None
    reports = wire.story(order, found, [{**TRADE, "id": "8", "timestamp": 6}, TRADE])
    assert reports is not None
    assert [type(report) for report in reports] == [ReportAccepted, ReportFill, ReportFill]
    assert [report.is_last for report in reports if isinstance(report, ReportFill)] == [False, True]


def test_a_part_fill_that_is_canceled_ends_so() -> None:
    reports = wire.story(paper_order(), {"id": "1", "status": "canceled", "filled": "0.4"}, [TRADE])
    assert reports is not None
    assert isinstance(reports[-1], ReportCanceled)
    assert not any(report.is_last for report in reports if isinstance(report, ReportFill))


def test_numbers_are_read_exactly_and_only_numbers() -> None:
    assert read_amount("0.1") == Decimal("0.1")
    assert read_amount(None) == read_amount("") == 0
    assert read_amount("1e-7") == Decimal("0.0000001")
    assert read_amount("0.1234567890123456789") == Decimal("0.123456789012345678")
    for text in ("NaN", "Infinity", "many"):
        with pytest.raises(AmountError):
            read_amount(text)


def test_markets_are_named_as_everywhere_else() -> None:
    plain = {"base": "BTC", "quote": "USDT", "settle": None, "spot": True}
    assert symbol_of(plain) == "BTC-USDT"
    swap = {"base": "BTC", "quote": "USDT", "settle": "USDT", "spot": False, "swap": True}
    assert symbol_of(swap) == "BTC-USDT-SWAP"
    assert symbol_of({**swap, "quote": "USD", "settle": "BTC"}) == "BTC-USD-SWAP"
    assert symbol_of({**swap, "quote": "USD", "settle": "USDC"}) == ""
    assert symbol_of({**swap, "swap": False, "future": True}) == ""


def test_rules_of_a_market_are_taken_over_or_it_is_left_out() -> None:
    market = {
        "base": "BTC",
        "quote": "USDT",
        "settle": "USDT",
        "swap": True,
        "linear": True,
        "contractSize": "0.01",
        "active": True,
        "precision": {"price": "0.1", "amount": "0.01"},
        "limits": {"amount": {"min": "0.01", "max": "100"}, "leverage": {"max": "100"}},
    }
    found = instrument_of("BTC-USDT-SWAP", market, 4)
    assert found is not None
    assert (found.kind, found.tick_size, found.contract_value) == (
        InstrumentKind.LINEAR_PERPETUAL,
        Decimal("0.1"),
        Decimal("0.01"),
    )
    decimals = instrument_of("BTC-USDT-SWAP", {**market, "precision": {"price": "1", "amount": "2"}}, 2)
    assert decimals is not None
    assert (decimals.tick_size, decimals.lot_size) == (Decimal("0.1"), Decimal("0.01"))
    assert instrument_of("BTC-USDT-SWAP", market, 3) is None
    assert instrument_of("BTC-USDT-SWAP", {**market, "precision": {"price": None, "amount": None}}, 4) is None
