"""One line per account with its amounts in their unit, and a status that sums them up."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.core.model.account import MarginMode, PositionSide
from fairlead.core.model.order import Order, OrderStatus
from fairlead.core.model.request import Enter, OrderRequest, OrderType, Side, Size, SizeUnit, SourceKind, TimeInForce
from fairlead.core.model.state import RequestState, RequestStatus
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.sources.webhook.results import AccountResult, Subject, choose_status_code, describe_request, make_answer

SPOT = next(instrument for instrument in DEFAULT_INSTRUMENTS if instrument.symbol == "BTC-USDT")
REQUEST = OrderRequest(
    request_id="r1",
    tenant="acme",
    account_id="a1",
    cause="c1",
    cause_at_ms=0,
    source_kind=SourceKind.WEBHOOK,
    source_id="h1",
    strategy_id="",
    risk_profile="alert",
    symbol="BTC-USDT",
    intent=Enter(side=Side.BUY, size=Size(amount=Decimal(1), unit=SizeUnit.NATIVE)),
    valid_until_ms=1,
)


def make_order(order_id: str, quantity: str, *, in_quote: bool = False) -> Order:
    return Order(
        order_id=order_id,
        request_id="r1",
        tenant="acme",
        account_id="a1",
        symbol="BTC-USDT",
        side=Side.BUY,
        position_side=PositionSide.NET,
        margin_mode=MarginMode.CASH,
        leverage=Decimal(1),
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=Decimal(quantity),
        in_quote=in_quote,
        deadline_ms=1,
        created_ms=0,
        updated_ms=0,
        status=OrderStatus.ACCEPTED,
        venue_order_id=f"venue-{order_id}",
    )


def describe(status: RequestStatus, filled: str, *orders: Order) -> AccountResult:
    state = RequestState(
        request=REQUEST,
        status=status,
        order_ids=tuple(order.order_id for order in orders),
        filled_quantity=Decimal(filled),
        reason_code="51008",
        message="Order placement failed due to insufficient balance",
    )
    return describe_request(state, "main", SPOT, {order.order_id: order for order in orders})


def test_a_filled_request_tells_what_it_has() -> None:
    result = describe(RequestStatus.FILLED, "0.10", make_order("o1", "0.1"), make_order("o2", "0.2"))
    assert (result.quantity, result.quantity_unit) == ("0.1", "BTC")
    assert (result.client_order_id, result.venue_order_id) == ("o1", "venue-o1")


def test_a_resting_request_tells_what_it_asks_for() -> None:
    assert describe(RequestStatus.ACCEPTED, "0", make_order("o1", "0.1"), make_order("o2", "0.2")).quantity == "0.3"
    assert describe(RequestStatus.ACCEPTED, "0", make_order("o1", "6000", in_quote=True)).quantity == "0"


def test_a_rejected_request_keeps_the_venues_code_and_words() -> None:
    result = describe(RequestStatus.REJECTED, "0")
    assert (result.reason_code, result.message) == ("51008", "Order placement failed due to insufficient balance")
    assert (result.client_order_id, result.venue_order_id) == ("", "")


def test_an_instrument_that_is_gone_leaves_the_unit_open() -> None:
    assert describe_request(RequestState(request=REQUEST), "main", None, {}).quantity_unit == ""


@pytest.mark.parametrize("pending", ["queued", "working", "unknown"])
def test_whatever_is_not_certain_is_pending(pending: str) -> None:
    results = [AccountResult(account="a", status="filled"), AccountResult(account="b", status=pending)]
    answer = make_answer(Subject(request_id="1", alert_id="2"), results)
    assert (answer.status, answer.successful, answer.failed, answer.pending) == ("accepted", 1, 0, 1)
    assert choose_status_code(answer, strict_status=True) == 202


def test_a_dry_run_says_so_at_the_end_of_its_message() -> None:
    answer = make_answer(Subject(request_id="1", alert_id="2", is_dry_run=True), [])
    assert answer.message == "0 accounts: 0 successful, 0 failed, 0 pending (DRY RUN)"
