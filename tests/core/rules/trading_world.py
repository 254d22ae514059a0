"""One account, a few instruments and a market, for tests of the book and of planning."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import count
from typing import Any

from fairlead.core.model import events as ev
from fairlead.core.model.account import ExecutionMode, MarginMode, PositionMode, PositionSide, VenueAccount
from fairlead.core.model.instrument import Instrument, InstrumentKind
from fairlead.core.model.market import Quote
from fairlead.core.model.order import Fill, Liquidity, Order
from fairlead.core.model.reports import VenuePosition
from fairlead.core.model.request import (
    Enter,
    Intent,
    OrderRequest,
    OrderType,
    SetTarget,
    Side,
    Size,
    SizeUnit,
    SourceKind,
    TargetPosition,
    TimeInForce,
)
from fairlead.core.model.risk import RiskLimits, RiskVerdict
from fairlead.core.model.state import State
from fairlead.core.rules.account_book import AccountBook
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.plan import CancelPlan, Nothing, Plan, Refusal
from fairlead.core.rules.planning import plan_request

D = Decimal
Amount = Decimal | str | int
TENANT, ACCOUNT = "tenant", "account"
SPOT, LINEAR, INVERSE = "BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-SWAP"
NOW_MS = 1_800_000_000_000
_trade_numbers = count(1)


def make_instrument(symbol: str, **changes: object) -> Instrument:
    base, quote = symbol.split("-")[:2]
    kind = InstrumentKind.SPOT
    if symbol.endswith("SWAP"):
        kind = InstrumentKind.INVERSE_PERPETUAL if quote == "USD" else InstrumentKind.LINEAR_PERPETUAL
    given: dict[InstrumentKind, dict[str, Any]] = {
        InstrumentKind.SPOT: {
            "lot_size": D("0.00000001"),
            "quantity_min": D("0.00001"),
            "market_quantity_max": D(1000),
        },
        InstrumentKind.LINEAR_PERPETUAL: {
            "lot_size": D("0.01"),
            "quantity_min": D("0.01"),
            "market_quantity_max": D(12_000),
            "contract_value": D("0.01"),
            "leverage_max": D(100),
            "maintenance_margin_rate": D("0.004"),
        },
        InstrumentKind.INVERSE_PERPETUAL: {
            "lot_size": D(1),
            "quantity_min": D(1),
            "market_quantity_max": D(20_000),
            "contract_value": D(100),
            "leverage_max": D(100),
            "maintenance_margin_rate": D("0.004"),
        },
    }
    terms: dict[str, Any] = {
        "symbol": symbol,
        "kind": kind,
        "base_currency": base,
        "quote_currency": quote,
        "settle_currency": base if kind is InstrumentKind.INVERSE_PERPETUAL else quote,
        "tick_size": D("0.1"),
        "limit_quantity_max": D(1_000_000),
        **given[kind],
        **changes,
    }
    return Instrument(**terms)


INSTRUMENTS: Mapping[str, Instrument] = {symbol: make_instrument(symbol) for symbol in (SPOT, LINEAR, INVERSE)}


def make_quote(symbol: str, bid: Decimal, ask: Decimal, mark: Decimal | None = None) -> Quote:
    price = ask if mark is None else mark
    return Quote(
        symbol=symbol,
        bid=bid,
        bid_quantity=D(1),
        ask=ask,
        ask_quantity=D(1),
        last=price,
        mark=price,
        index=price,
        at_ms=NOW_MS,
    )


def make_quotes(price: int = 60_000) -> dict[str, Quote]:
    return {symbol: make_quote(symbol, D(price), D(price)) for symbol in INSTRUMENTS}


def make_request(symbol: str, intent: Intent | None = None, **changes: object) -> OrderRequest:
    terms: dict[str, Any] = {
        "request_id": "request",
        "tenant": TENANT,
        "account_id": ACCOUNT,
        "cause": "alert",
        "cause_at_ms": NOW_MS,
        "source_kind": SourceKind.WEBHOOK,
        "source_id": "hook",
        "strategy_id": "",
        "risk_profile": "default",
        "symbol": symbol,
        "intent": intent or buy(D(1)),
        "valid_until_ms": NOW_MS + 60_000,
        **changes,
    }
    return OrderRequest(**terms)


def buy(amount: Amount, unit: SizeUnit = SizeUnit.NATIVE) -> Enter:
    return Enter(side=Side.BUY, size=Size(amount=D(amount), unit=unit))


def sell(amount: Amount, unit: SizeUnit = SizeUnit.NATIVE) -> Enter:
    return Enter(side=Side.SELL, size=Size(amount=D(amount), unit=unit))


def make_order(symbol: str = LINEAR, **changes: object) -> Order:
    is_spot = not symbol.endswith("SWAP")
    terms: dict[str, Any] = {
        "order_id": "order",
        "request_id": "request",
        "tenant": TENANT,
        "account_id": ACCOUNT,
        "symbol": symbol,
        "side": Side.BUY,
        "position_side": PositionSide.NET,
        "margin_mode": MarginMode.CASH if is_spot else MarginMode.CROSS,
        "leverage": D(1) if is_spot else D(5),
        "order_type": OrderType.MARKET,
        "time_in_force": TimeInForce.GTC,
        "quantity": D(10),
        "deadline_ms": NOW_MS + 5_000,
        "created_ms": NOW_MS,
        "updated_ms": NOW_MS,
        "reference_price": D(60_000),
        **changes,
    }
    return Order(**terms)


def approved(order: Order, *, more: bool = False) -> ev.OrderApproved:
    verdict = RiskVerdict(order_id=order.order_id, approved=True, profile="default", checks=())
    return ev.OrderApproved(order=order, verdict=verdict, sizing=(), more=more)


def accepted(order_id: str = "order", venue_order_id: str = "v1") -> ev.OrderAccepted:
    return ev.OrderAccepted(order_id=order_id, account_id=ACCOUNT, venue_order_id=venue_order_id, at_ms=NOW_MS + 1)


def rejected(order_id: str = "order") -> ev.OrderRejected:
    return ev.OrderRejected(
        order_id=order_id, account_id=ACCOUNT, reason_code="51008", message="not enough", at_ms=NOW_MS + 1
    )


def canceled(order_id: str = "order", reason_code: str = "user") -> ev.OrderCanceled:
    return ev.OrderCanceled(
        order_id=order_id, account_id=ACCOUNT, reason_code=reason_code, message="canceled", at_ms=NOW_MS + 2
    )


def expired(order_id: str = "order") -> ev.OrderExpired:
    return ev.OrderExpired(order_id=order_id, account_id=ACCOUNT, message="never placed", at_ms=NOW_MS + 3)


def doubted(order_id: str = "order") -> ev.OrderUnknown:
    return ev.OrderUnknown(order_id=order_id, account_id=ACCOUNT, message="timed out", at_ms=NOW_MS + 1)


def filled(order: Order, quantity: Amount, price: Amount = 60_000, **changes: object) -> ev.OrderFilled:
    """One execution with a trade id of its own."""
    terms: dict[str, Any] = {
        "trade_id": f"t{next(_trade_numbers)}",
        "order_id": order.order_id,
        "symbol": order.symbol,
        "price": D(price),
        "quantity": D(quantity),
        "fee": D(0),
        "fee_currency": INSTRUMENTS[order.symbol].settle_currency,
        "liquidity": Liquidity.TAKER,
        "at_ms": NOW_MS + 2,
        **changes,
    }
    is_last = terms.pop("is_last", False)
    return ev.OrderFilled(account_id=ACCOUNT, fill=Fill(**terms), is_last=is_last)


def held(symbol: str, quantity: Amount, **changes: object) -> VenuePosition:
    terms: dict[str, Any] = {
        "symbol": symbol,
        "position_side": PositionSide.NET,
        "margin_mode": MarginMode.CROSS,
        "leverage": D(5),
        "quantity": D(quantity),
        "entry_price": D(60_000),
        "liquidation_price": None,
        **changes,
    }
    return VenuePosition(**terms)


def make_book(
    balances: Mapping[str, Amount] | None = None,
    *positions: VenuePosition,
    position_mode: PositionMode = PositionMode.NET,
) -> AccountBook:
    book = AccountBook(tenant=TENANT, account_id=ACCOUNT)
    amounts = {"USDT": "10000"} if balances is None else balances
    adopted = ev.AccountAdopted(
        tenant=TENANT,
        account_id=ACCOUNT,
        position_mode=position_mode,
        balances={currency: D(amount) for currency, amount in amounts.items()},
        positions=positions,
        at_ms=NOW_MS,
    )
    book.apply(adopted, INSTRUMENTS)
    return book


def feed(book: AccountBook, *events: ev.AccountEvent) -> list[State]:
    """Apply events in turn; what the last one changed."""
    changed: list[State] = []
    for event in events:
        changed = book.apply(event, INSTRUMENTS)
    return changed


def begin(book: AccountBook, order: Order, *, more: bool = False) -> list[State]:
    """Request and approve an order; with ``more`` it is the first step to a target."""
    intent = SetTarget(target=TargetPosition.SHORT) if more else None
    request = make_request(order.symbol, intent, request_id=order.request_id)
    return feed(book, ev.OrderRequested(request=request), approved(order, more=more))


def make_view(
    book: AccountBook,
    quotes: Mapping[str, Quote] | None = None,
    instruments: Mapping[str, Instrument] = INSTRUMENTS,
) -> AccountView:
    account = VenueAccount(
        account_id=ACCOUNT,
        tenant=TENANT,
        label="main",
        exchange="okx",
        kind="paper",
        mode=ExecutionMode.PAPER,
        position_mode=book.position_mode,
        risk_profile="default",
    )
    return AccountView(
        account=account,
        book=book,
        quotes=make_quotes() if quotes is None else quotes,
        instruments=instruments,
        limits=RiskLimits(),
        profile="default",
        now_ms=NOW_MS,
    )


Outcome = Plan | CancelPlan | Nothing | Refusal


def ask(view: AccountView, symbol: str, intent: Intent, **changes: object) -> Outcome:
    """Plan a request; perpetuals get cross margin and a leverage of 5 unless told otherwise."""
    if symbol.endswith("SWAP"):
        changes = {"margin_mode": MarginMode.CROSS, "leverage": D(5), **changes}
    request = make_request(symbol, intent, **changes)
    return plan_request(request, view, first_leg=0, deadline_ms=NOW_MS + 5_000)


def plan_of(outcome: Outcome) -> Plan:
    assert isinstance(outcome, Plan), outcome
    return outcome


def quantities(outcome: Outcome) -> list[Decimal]:
    return [leg.quantity for leg in plan_of(outcome).legs]


def refusal_of(outcome: Outcome) -> Refusal:
    assert isinstance(outcome, Refusal), outcome
    return outcome


def nothing_of(outcome: Outcome) -> Nothing:
    assert isinstance(outcome, Nothing), outcome
    return outcome
