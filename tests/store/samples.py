"""Small facts and states to store."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from fairlead.core.model import events as ev
from fairlead.core.model.account import Balance, MarginMode, Position, PositionSide, SubPosition
from fairlead.core.model.order import Fill, Liquidity, Order, OrderStatus
from fairlead.core.model.request import Enter, OrderRequest, OrderType, Side, Size, SizeUnit, SourceKind, TimeInForce
from fairlead.core.model.state import AlertState, RequestState, RequestStatus, State
from fairlead.ports import Fact, JournalRow, Unit

TENANT = "acme"
ACCOUNT = "account-1"
SYMBOL = "BTC-USDT"
AT_MS = 1_700_000_000_000


def fact(event: ev.Event, *, key: str | None = None, stream: str = "account:1", cause: str = "alert") -> Fact:
    return Fact(tenant=TENANT, stream=stream, cause=cause, at_ms=AT_MS, event=event, key=key)


def note(key: str | None = None, *, stream: str = "account:1", text: str = "ours 1, theirs 2") -> Fact:
    return fact(ev.DriftFound(account_id=ACCOUNT, differences=(text,), at_ms=AT_MS), key=key, stream=stream)


def unit(*facts: Fact, states: Iterable[State] = (), chain: str = "") -> Unit:
    return Unit(facts=facts, states=tuple(states), chain=chain)


def make_request(request_id: str = "r1", *, cause: str = "a1", tenant: str = TENANT) -> OrderRequest:
    return OrderRequest(
        request_id=request_id,
        tenant=tenant,
        account_id=ACCOUNT,
        cause=cause,
        cause_at_ms=AT_MS,
        source_kind=SourceKind.WEBHOOK,
        source_id="hook-1",
        strategy_id="",
        risk_profile="standard",
        symbol=SYMBOL,
        intent=Enter(side=Side.BUY, size=Size(amount=Decimal("0.5"), unit=SizeUnit.BASE)),
        valid_until_ms=AT_MS + 60_000,
    )


def make_order(
    order_id: str = "o1",
    *,
    request_id: str = "r1",
    tenant: str = TENANT,
    status: OrderStatus = OrderStatus.IN_FLIGHT,
    parent_id: str = "",
) -> Order:
    return Order(
        order_id=order_id,
        request_id=request_id,
        tenant=tenant,
        account_id=ACCOUNT,
        symbol=SYMBOL,
        side=Side.BUY,
        position_side=PositionSide.NET,
        margin_mode=MarginMode.CASH,
        leverage=Decimal(1),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        quantity=Decimal("0.50"),
        deadline_ms=AT_MS + 1_000,
        created_ms=AT_MS,
        updated_ms=AT_MS,
        status=status,
        parent_id=parent_id,
    )


def make_fill(order_id: str = "o1", trade_id: str = "t1") -> Fill:
    return Fill(
        trade_id=trade_id,
        order_id=order_id,
        symbol=SYMBOL,
        price=Decimal("64000.1"),
        quantity=Decimal("0.5"),
        fee=Decimal("0.0005"),
        fee_currency="BTC",
        liquidity=Liquidity.TAKER,
        at_ms=AT_MS,
    )


def make_request_state(request_id: str = "r1", *, cause: str = "a1", tenant: str = TENANT) -> RequestState:
    request = make_request(request_id, cause=cause, tenant=tenant)
    return RequestState(request=request, status=RequestStatus.WORKING, order_ids=("o1",), updated_ms=AT_MS)


def make_alert(alert_id: str = "a1", *, tenant: str = TENANT, received_ms: int = AT_MS) -> AlertState:
    return AlertState(
        alert_id=alert_id,
        tenant=tenant,
        hook_id="hook-1",
        duplicate_key=f"hook-1:{alert_id}",
        explicit_key=True,
        received_ms=received_ms,
        request_ids=("r1",),
    )


def make_position(*, tenant: str = TENANT) -> Position:
    return Position(
        tenant=tenant,
        account_id=ACCOUNT,
        symbol="BTC-USDT-SWAP",
        position_side=PositionSide.LONG,
        margin_mode=MarginMode.CROSS,
        leverage=Decimal(3),
        quantity=Decimal(7),
        entry_price=Decimal(1) / Decimal(3),
    )


def make_share(source_id: str = "hook-1", *, quantity: int = 7) -> SubPosition:
    return SubPosition(
        tenant=TENANT,
        account_id=ACCOUNT,
        symbol="BTC-USDT-SWAP",
        position_side=PositionSide.LONG,
        source_id=source_id,
        strategy_id="",
        quantity=Decimal(quantity),
    )


def make_balance(*, tenant: str = TENANT) -> Balance:
    total = Decimal("12345678901234567890.123456789012345678")
    return Balance(tenant=tenant, account_id=ACCOUNT, currency="USDT", total=total)


def all_states() -> tuple[State, ...]:
    return make_alert(), make_request_state(), make_order(), make_position(), make_share(), make_balance()


def fold_all(_row: JournalRow) -> tuple[State, ...]:
    """Pretend that every row makes the same states."""
    return all_states()
