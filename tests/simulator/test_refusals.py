"""What the exchange refuses, with the codes of OKX; a refusal leaves no trace."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.instrument import InstrumentState
from fairlead.core.model.request import Side
from fairlead.simulator.orders import OrderType, Placed, QuantityUnit, Refused, Trail
from tests.simulator.member import LINEAR, SPOT, START_MS, Member, exits, quiet_exchange


@pytest.fixture
def ann() -> Member:
    return Member()


@pytest.mark.parametrize(
    ("code", "side", "symbol", "quantity", "fields"),
    [
        ("51001", Side.BUY, "NO-SUCH", "1", {}),
        ("50036", Side.BUY, LINEAR, "1", {"expires_at_ms": START_MS - 1}),
        ("51000", Side.BUY, LINEAR, "1", {"order_type": OrderType.LIMIT}),
        ("51000", Side.BUY, LINEAR, "1", {"position_side": PositionSide.LONG}),
        ("51000", Side.BUY, SPOT, "1", {"position_side": PositionSide.LONG}),
        ("51000", Side.BUY, SPOT, "1", {"reduce_only": True}),
        ("51010", Side.BUY, LINEAR, "1", {"margin_mode": MarginMode.CASH}),
        ("51121", Side.BUY, LINEAR, "0.015", {}),
        ("51020", Side.BUY, LINEAR, "0", {}),
        ("51020", Side.BUY, SPOT, "0.00000999", {}),
        ("51020", Side.BUY, SPOT, "0.5", {"quantity_unit": QuantityUnit.QUOTE}),
        ("51101", Side.BUY, LINEAR, "12000.01", {}),
        ("51202", Side.BUY, SPOT, "1001", {}),
        ("51150", Side.BUY, LINEAR, "1", {"price": "59000.05"}),
        ("51150", Side.BUY, LINEAR, "1", {"price": "-1"}),
        ("51006", Side.BUY, LINEAR, "1", {"price": "61300"}),
        ("51006", Side.SELL, LINEAR, "1", {"price": "58700"}),
        ("51137", Side.BUY, SPOT, "1", {"price": "63100"}),
        ("51138", Side.SELL, SPOT, "1", {"price": "56900"}),
        ("51008", Side.BUY, SPOT, "2", {"price": "59000"}),
        ("51008", Side.SELL, SPOT, "11", {"price": "61000"}),
        ("51008", Side.SELL, SPOT, "11", {}),
        ("51008", Side.BUY, LINEAR, "600", {}),
        ("50016", Side.BUY, LINEAR, "1", {"quantity_unit": QuantityUnit.QUOTE}),
        ("50016", Side.BUY, LINEAR, "1", {"order_type": OrderType.TRAILING_STOP, "trail": Trail()}),
        ("51000", Side.SELL, LINEAR, "1", {"order_type": OrderType.STOP_MARKET}),
        ("51278", Side.SELL, LINEAR, "1", {"order_type": OrderType.STOP_MARKET, "trigger_price": Decimal(60100)}),
        ("51280", Side.BUY, LINEAR, "1", {"order_type": OrderType.STOP_MARKET, "trigger_price": Decimal(59900)}),
        ("51277", Side.SELL, LINEAR, "1", {"order_type": OrderType.TAKE_PROFIT, "trigger_price": Decimal(59900)}),
        ("51279", Side.BUY, LINEAR, "1", {"order_type": OrderType.TAKE_PROFIT, "trigger_price": Decimal(60100)}),
        ("51047", Side.BUY, LINEAR, "1", {"price": "59000", "exits": exits(stop_loss="59500")}),
        ("51046", Side.BUY, LINEAR, "1", {"price": "59000", "exits": exits(take_profit="58500")}),
    ],
)
def test_a_wrong_order_is_refused_with_its_code(
    ann: Member, code: str, side: Side, symbol: str, quantity: str, fields: dict[str, Any]
) -> None:
    before = ann.exchange.records.dump_account("ann")

    assert ann.refused(side, symbol, quantity, **fields) == code

    assert ann.exchange.records.dump_account("ann") == before
    assert ann.events() == []


def test_the_deadline_itself_is_not_yet_past(ann: Member) -> None:
    assert ann.buy(LINEAR, "1", expires_at_ms=START_MS).fills


def test_a_suspended_instrument_takes_no_orders(ann: Member) -> None:
    ann.exchange.set_state(LINEAR, InstrumentState.SUSPENDED)
    assert ann.refused(Side.BUY, LINEAR, "1") == "51022"

    ann.exchange.set_state(LINEAR, InstrumentState.LIVE)
    assert ann.buy(LINEAR, "1").fills


def test_a_client_order_id_is_unique_among_pending_orders(ann: Member) -> None:
    ann.buy(LINEAR, "1", price="59000", client_order_id="same")

    assert ann.refused(Side.BUY, LINEAR, "1", client_order_id="same") == "51016"


def test_client_order_ids_are_each_members_own() -> None:
    exchange = quiet_exchange()
    ann, bob = Member(exchange, "ann"), Member(exchange, "bob")
    ann.buy(LINEAR, "1", price="59000", client_order_id="same")

    assert isinstance(bob.place(bob.wish(Side.BUY, LINEAR, "1", client_order_id="same")), Placed)


def test_a_venue_with_lasting_ids_refuses_a_used_one_for_ever() -> None:
    ann = Member(quiet_exchange(client_ids_lasting=True, finished_orders_kept_max=1))
    for number in range(3):
        ann.buy(LINEAR, "1", client_order_id=f"c{number}")

    assert ann.refused(Side.BUY, LINEAR, "1", client_order_id="c0") == "51016"


def test_for_ever_ends_where_so_many_newer_ids_were_used() -> None:
    ann = Member(quiet_exchange(client_ids_lasting=True, client_ids_kept_max=2, finished_orders_kept_max=1))
    for number in range(3):
        ann.buy(LINEAR, "1", client_order_id=f"c{number}")

    assert ann.refused(Side.BUY, LINEAR, "1", client_order_id="c1") == "51016"
    assert isinstance(ann.place(ann.wish(Side.BUY, LINEAR, "1", client_order_id="c0")), Placed)


def test_pending_orders_have_a_limit() -> None:
    ann = Member(quiet_exchange(pending_per_instrument_max=2))
    ann.buy(LINEAR, "1", price="59000")
    ann.buy(LINEAR, "1", price="59000")

    assert ann.refused(Side.BUY, LINEAR, "1", price="59000") == "51025"
    assert ann.buy(SPOT, "0.1", price="59000").is_pending


def test_a_refusal_carries_the_wording_of_the_venue(ann: Member) -> None:
    answer = ann.place(ann.wish(Side.BUY, LINEAR, "1", price="61300"))

    assert answer == Refused(
        code="51006",
        message="Order price is not within the price limit (max buy price: 61200 , min sell price: 58800 )",
    )


def test_a_balance_refusal_says_which_kind_of_money_is_short(ann: Member) -> None:
    spot = ann.place(ann.wish(Side.BUY, SPOT, "2", price="59000"))
    perpetual = ann.place(ann.wish(Side.BUY, LINEAR, "600"))

    assert isinstance(spot, Refused)
    assert isinstance(perpetual, Refused)
    assert (spot.sub_code, perpetual.sub_code) == ("1000", "1001")
