"""Journal rows made by hand: one alert, and what came of it."""

from __future__ import annotations

from decimal import Decimal

from fairlead.core.model import events as ev
from fairlead.core.model.account import ExecutionMode, MarginMode, PositionMode, PositionSide, VenueAccount
from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.core.model.order import Fill, Liquidity, Order
from fairlead.core.model.request import (
    Close,
    Enter,
    Intent,
    OrderRequest,
    OrderType,
    Side,
    Size,
    SizeUnit,
    SourceKind,
    TimeInForce,
)
from fairlead.core.model.risk import CheckCode, CheckOutcome, ReasonCode, RiskCheck, RiskVerdict
from fairlead.ports import JournalRow
from fairlead.reporting.explain import Evidence

T0 = 1_795_230_000_000
BODY = b'{"authToken":"***","symbol":"BTCUSDT.P","type":"perps","side":"buy","qty":"10%","leverage":5}'

SWAP = Instrument(
    symbol="BTC-USDT-SWAP",
    kind=InstrumentKind.LINEAR_PERPETUAL,
    base_currency="BTC",
    quote_currency="USDT",
    settle_currency="USDT",
    tick_size=Decimal("0.1"),
    lot_size=Decimal("0.01"),
    quantity_min=Decimal("0.01"),
    limit_quantity_max=Decimal(100_000),
    market_quantity_max=Decimal(12_000),
    contract_value=Decimal("0.01"),
    leverage_max=Decimal(100),
)

BUY_TENTH = Enter(side=Side.BUY, size=Size(amount=Decimal(10), unit=SizeUnit.PERCENT))
CLOSE_ALL = Close()

SIZING = (
    ev.SizingLine(label="maximum", formula="10000 USDT x 5 / (60000 x 0.01)", result="83.33 contracts"),
    ev.SizingLine(label="10%", formula="83.33 x 0.1, rounded down", result="8.33 contracts"),
)


def account(label: str, position_mode: PositionMode = PositionMode.NET) -> VenueAccount:
    return VenueAccount(
        account_id=f"acc-{label}",
        tenant="t1",
        label=label,
        exchange="okx",
        kind="paper",
        mode=ExecutionMode.PAPER,
        position_mode=position_mode,
        risk_profile="default",
    )


def request(label: str, intent: Intent = BUY_TENTH) -> OrderRequest:
    return OrderRequest(
        request_id=f"req-{label}",
        tenant="t1",
        account_id=f"acc-{label}",
        cause="alert-1",
        cause_at_ms=T0,
        source_kind=SourceKind.WEBHOOK,
        source_id="hook-1",
        strategy_id="",
        risk_profile="default",
        symbol="BTC-USDT-SWAP",
        intent=intent,
        valid_until_ms=T0 + 60_000,
        leverage=Decimal(5),
        margin_mode=MarginMode.CROSS,
    )


def order(label: str, quantity: str = "8.33") -> Order:
    return Order(
        order_id=f"ord-{label}",
        request_id=f"req-{label}",
        tenant="t1",
        account_id=f"acc-{label}",
        symbol="BTC-USDT-SWAP",
        side=Side.BUY,
        position_side=PositionSide.NET,
        margin_mode=MarginMode.CROSS,
        leverage=Decimal(5),
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.GTC,
        quantity=Decimal(quantity),
        deadline_ms=T0 + 5_000,
        created_ms=T0 + 3,
        updated_ms=T0 + 3,
    )


def check(code: CheckCode, value: str, limit: str, reason: ReasonCode = ReasonCode.NONE) -> RiskCheck:
    return RiskCheck(
        code=code,
        outcome=CheckOutcome.DENY if reason else CheckOutcome.PASS,
        reason_code=reason,
        value=Decimal(value),
        limit=Decimal(limit),
        unit="USD",
    )


def verdict(label: str, *checks: RiskCheck) -> RiskVerdict:
    return RiskVerdict(
        order_id=f"ord-{label}",
        approved=not any(one.reason_code for one in checks),
        profile="default v1",
        checks=checks,
    )


def received() -> ev.AlertReceived:
    return ev.AlertReceived(
        alert_id="alert-1",
        hook_id="hook-1",
        duplicate_key="bar-17",
        explicit_key=True,
        body=BODY,
        content_type="application/json",
        source_address="52.89.214.238",
        received_ms=T0,
    )


def handled(verdict_word: str = "accepted", reason: str = "", detail: str = "") -> ev.AlertHandled:
    return ev.AlertHandled(
        alert_id="alert-1",
        verdict=verdict_word,
        reason_code=reason,
        detail=detail,
        mapping=("BTCUSDT.P", "BTC-USDT-SWAP"),
        warnings=("field comment is not used",),
        request_ids=(),
        at_ms=T0 + 1,
    )


def approved(label: str) -> ev.OrderApproved:
    passed = verdict(label, check(CheckCode.MAX_ORDER, "4998", "25000"))
    return ev.OrderApproved(order=order(label), verdict=passed, sizing=SIZING)


def accepted(label: str) -> ev.OrderAccepted:
    return ev.OrderAccepted(order_id=f"ord-{label}", account_id=f"acc-{label}", venue_order_id="P-1", at_ms=T0 + 6)


def fill(label: str, trade: str, quantity: str, price: str, *, is_last: bool) -> ev.OrderFilled:
    one = Fill(
        trade_id=trade,
        order_id=f"ord-{label}",
        symbol="BTC-USDT-SWAP",
        price=Decimal(price),
        quantity=Decimal(quantity),
        fee=Decimal("0.5"),
        fee_currency="USDT",
        liquidity=Liquidity.TAKER,
        at_ms=T0 + 7,
    )
    return ev.OrderFilled(account_id=f"acc-{label}", fill=one, is_last=is_last)


def evidence(*events: ev.Event, accounts: tuple[VenueAccount, ...] = (account("net"),)) -> Evidence:
    rows = tuple(
        JournalRow(
            seq=number,
            tenant="t1",
            stream="any",
            version=number,
            kind=type(event).__name__,
            key=None,
            cause="alert-1",
            at_ms=T0 + number,
            event=event,
        )
        for number, event in enumerate(events, start=1)
    )
    return Evidence(
        rows=rows,
        accounts={one.account_id: one for one in accounts},
        hook_labels={"hook-1": "tradingview"},
        instruments={"BTC-USDT-SWAP": SWAP},
    )
