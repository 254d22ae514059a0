"""A small account with a market, for tests of the risk engine: equity 10,000 USDT, BTC at 50,000, ETH at 2,500."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from fairlead.core.model.account import (
    Balance,
    ExecutionMode,
    MarginMode,
    Position,
    PositionMode,
    PositionSide,
    VenueAccount,
)
from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.core.model.loss import LossStanding
from fairlead.core.model.market import Quote
from fairlead.core.model.order import ApprovedOrder, Order
from fairlead.core.model.request import Enter, OrderRequest, OrderType, Side, Size, SizeUnit, SourceKind, TimeInForce
from fairlead.core.model.risk import CheckCode, CheckOutcome, ReasonCode, RiskCheck, RiskLimits, UserExposure
from fairlead.core.rules.account_book import AccountBook, RecentOrder
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.risk import Denied

NOW_MS = 1_800_000_000_000
SPOT, LINEAR, INVERSE, ETHER, ETHER_SPOT = "BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-SWAP", "ETH-USDT-SWAP", "ETH-USDT"

D = Decimal
NOTHING_LOST = LossStanding(day_loss=D(0), week_loss=D(0), month_loss=D(0), drawdown=D(0))

Held = Position | Balance | Order | RecentOrder


def instrument(symbol: str, **changes: object) -> Instrument:
    base, quote = symbol.split("-")[:2]
    kind = InstrumentKind.SPOT
    if symbol.endswith("SWAP"):
        kind = InstrumentKind.INVERSE_PERPETUAL if quote == "USD" else InstrumentKind.LINEAR_PERPETUAL
    is_spot, is_inverse = kind is InstrumentKind.SPOT, kind is InstrumentKind.INVERSE_PERPETUAL
    given = Instrument(
        symbol=symbol,
        kind=kind,
        base_currency=base,
        quote_currency=quote,
        settle_currency=base if is_inverse else quote,
        tick_size=D("0.1"),
        lot_size=D("0.00001") if is_spot else D(1) if is_inverse else D("0.01"),
        quantity_min=D("0.00001") if is_spot else D(1) if is_inverse else D("0.01"),
        limit_quantity_max=D(10_000),
        market_quantity_max=D(1_000),
        contract_value=D(1) if is_spot else D(100) if is_inverse else D("0.01") if base == "BTC" else D("0.1"),
        leverage_max=D(1) if is_spot else D(100),
        maintenance_margin_rate=D(0) if is_spot else D("0.004"),
    )
    return msgspec.structs.replace(given, **changes)


INSTRUMENTS = {symbol: instrument(symbol) for symbol in (SPOT, LINEAR, INVERSE, ETHER, ETHER_SPOT)}


def quote(symbol: str, mid: Decimal, **changes: object) -> Quote:
    half = D("0.5")
    given = Quote(
        symbol=symbol,
        bid=mid - half,
        bid_quantity=D(1),
        ask=mid + half,
        ask_quantity=D(1),
        last=mid,
        mark=mid,
        index=mid,
        at_ms=NOW_MS,
    )
    return msgspec.structs.replace(given, **changes)


def quotes() -> dict[str, Quote]:
    return {symbol: quote(symbol, D(50_000) if symbol.startswith("BTC") else D(2_500)) for symbol in INSTRUMENTS}


def account(**changes: object) -> VenueAccount:
    given = VenueAccount(
        account_id="a1",
        tenant="t1",
        label="main",
        exchange="okx",
        kind="paper",
        mode=ExecutionMode.PAPER,
        position_mode=PositionMode.NET,
        risk_profile="paper",
    )
    return msgspec.structs.replace(given, **changes)


def order(symbol: str = SPOT, **changes: object) -> Order:
    is_spot = not symbol.endswith("SWAP")
    given = Order(
        order_id="o1",
        request_id="r1",
        tenant="t1",
        account_id="a1",
        symbol=symbol,
        side=Side.BUY,
        position_side=PositionSide.NET,
        margin_mode=MarginMode.CASH if is_spot else MarginMode.CROSS,
        leverage=D(1) if is_spot else D(5),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        quantity=D("0.02") if is_spot else D(2),
        deadline_ms=NOW_MS + 5_000,
        created_ms=NOW_MS,
        updated_ms=NOW_MS,
        reference_price=D(50_000) if symbol.startswith("BTC") else D(2_500),
    )
    return msgspec.structs.replace(given, **changes)


def limit_order(symbol: str, price: str | int, **changes: object) -> Order:
    return order(symbol, order_type=OrderType.LIMIT, limit_price=D(price), **changes)


def request(**changes: object) -> OrderRequest:
    given = OrderRequest(
        request_id="r1",
        tenant="t1",
        account_id="a1",
        cause="alert",
        cause_at_ms=NOW_MS - 1_000,
        source_kind=SourceKind.WEBHOOK,
        source_id="h1",
        strategy_id="",
        risk_profile="alert",
        symbol=SPOT,
        intent=Enter(side=Side.BUY, size=Size(amount=D(1), unit=SizeUnit.NATIVE)),
        valid_until_ms=NOW_MS + 60_000,
    )
    return msgspec.structs.replace(given, **changes)


def position(symbol: str, quantity: str | int, **changes: object) -> Position:
    given = Position(
        tenant="t1",
        account_id="a1",
        symbol=symbol,
        position_side=PositionSide.NET,
        margin_mode=MarginMode.CROSS,
        leverage=D(5),
        quantity=D(quantity),
        entry_price=D(50_000) if symbol.startswith("BTC") else D(2_500),
    )
    return msgspec.structs.replace(given, **changes)


def balance(currency: str, total: str | int, reserved: str | int = 0) -> Balance:
    return Balance(tenant="t1", account_id="a1", currency=currency, total=D(total), reserved=D(reserved))


def recent(age_ms: int, **changes: object) -> RecentOrder:
    one = msgspec.structs.replace(order(SPOT, request_id="earlier"), **changes)
    return RecentOrder(
        at_ms=NOW_MS - age_ms,
        symbol=one.symbol,
        side=one.side,
        position_side=one.position_side,
        quantity=one.quantity,
        limit_price=one.limit_price,
        request_id=one.request_id,
        source="h1",
        strategy=one.strategy_id,
    )


def book(*held: Held) -> AccountBook:
    made = AccountBook(tenant="t1", account_id="a1")
    made.balances["USDT"] = balance("USDT", 10_000)
    for one in held:
        match one:
            case Position():
                made.positions[(one.symbol, one.position_side)] = one
            case Balance():
                made.balances[one.currency] = one
            case Order():
                made.orders[one.order_id] = one
            case _:
                made.recent.append(one)
    return made


def view(*held: Held, **changes: object) -> AccountView:
    given = AccountView(
        account=account(),
        book=book(*held),
        quotes=quotes(),
        instruments=INSTRUMENTS,
        limits=RiskLimits(),
        profile="test v1",
        now_ms=NOW_MS,
        losses=NOTHING_LOST,
        others=UserExposure(gross_usd=D(0), equity_usd=D(0)),
    )
    limits = {name: value for name, value in changes.items() if name in RiskLimits.__struct_fields__}
    rest = {name: value for name, value in changes.items() if name not in limits}
    if limits:
        rest["limits"] = msgspec.structs.replace(RiskLimits(), **limits)
    return msgspec.structs.replace(given, **rest)


def checks_of(outcome: ApprovedOrder | Denied, code: CheckCode) -> list[RiskCheck]:
    return [check for check in outcome.verdict.checks if check.code is code]


def reasons(outcome: ApprovedOrder | Denied) -> set[ReasonCode]:
    return {check.reason_code for check in outcome.verdict.denials}


def is_denied(outcome: ApprovedOrder | Denied, reason_code: ReasonCode) -> bool:
    return any(
        check.reason_code is reason_code and check.outcome is CheckOutcome.DENY for check in outcome.verdict.checks
    )
