# ruff: noqa: INP001 (a script, not a package)
"""Measure one risk check: microseconds of processor time per order on books of several sizes.

Run it as ``.venv/bin/python bench/risk.py``. The middle row is the account that the budget of 60 us is about.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Final

import msgspec

from fairlead.accounts.profiles import ProfileBook, built_in_profiles
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
from fairlead.core.model.money import ZERO
from fairlead.core.model.order import Order
from fairlead.core.model.request import Enter, OrderRequest, OrderType, Side, Size, SizeUnit, SourceKind, TimeInForce
from fairlead.core.model.risk import UserExposure
from fairlead.core.rules.account_book import RECENT_ORDERS_MAX, AccountBook, RecentOrder
from fairlead.core.rules.account_view import AccountView
from fairlead.core.rules.risk import check_order

NOW_MS: Final = 1_800_000_000_000
ROUNDS: Final = 5
REPEATS: Final = 4_000
PRICE: Final = Decimal("61234.5")
SYMBOLS: Final = tuple(f"C{n}-USDT-SWAP" for n in range(50))


def main() -> None:
    """Print the table."""
    rows = (
        ("empty book", 0, 0, 0, "paper"),
        ("10 positions, 20 open orders", 10, 20, 100, "standard"),
        ("10 positions, 20 open orders, paper", 10, 20, RECENT_ORDERS_MAX, "paper"),
        ("50 positions, 200 open orders", 50, 200, RECENT_ORDERS_MAX, "paper"),
    )
    for name, positions, orders, recent, profile in rows:
        view = make_view(positions, orders, recent, profile)
        for label, order in (("opens", make_order("new")), ("closes", make_order("close", side=Side.SELL))):
            closing = msgspec.structs.replace(order, reduce_only=label == "closes")
            microseconds = measure(partial(check_order, closing, REQUEST, view))
            sys.stdout.write(f"{name:40} {label:7} {microseconds:8.1f} us {1_000_000 / microseconds:10,.0f} /s\n")


def measure(check: Callable[[], object]) -> float:
    """Microseconds of processor time of one call: the best of several rounds, because a machine is never quiet."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.thread_time()
        for _ in range(REPEATS):
            check()
        best = min(best, time.thread_time() - started)
    return best / REPEATS * 1_000_000


def make_order(order_id: str, symbol: str = SYMBOLS[0], side: Side = Side.BUY, price: Decimal | None = None) -> Order:
    """One order of a perpetual."""
    return Order(
        order_id=order_id,
        request_id=order_id,
        tenant="t1",
        account_id="a1",
        symbol=symbol,
        side=side,
        position_side=PositionSide.NET,
        margin_mode=MarginMode.CROSS,
        leverage=Decimal(2),
        order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=Decimal("0.5"),
        limit_price=price,
        reference_price=PRICE,
        deadline_ms=NOW_MS + 5_000,
        created_ms=NOW_MS,
        updated_ms=NOW_MS,
    )


def make_view(positions: int, orders: int, recent: int, profile: str) -> AccountView:
    """An account with so many positions, open orders and orders lately, spread over the instruments."""
    book = AccountBook(tenant="t1", account_id="a1")
    book.balances["USDT"] = Balance(tenant="t1", account_id="a1", currency="USDT", total=Decimal(1_000_000))
    for symbol in SYMBOLS[:positions]:
        book.positions[symbol, PositionSide.NET] = Position(
            tenant="t1",
            account_id="a1",
            symbol=symbol,
            position_side=PositionSide.NET,
            margin_mode=MarginMode.CROSS,
            leverage=Decimal(2),
            quantity=Decimal("3.25"),
            entry_price=Decimal("60111.1"),
        )
    for n in range(orders):
        book.orders[f"o{n}"] = make_order(f"o{n}", SYMBOLS[n % max(positions, 1)], price=Decimal("59000.5"))
    for n in range(recent, 0, -1):
        symbol = SYMBOLS[n % len(SYMBOLS)]
        book.recent.append(
            RecentOrder(NOW_MS - n * 250, symbol, Side.BUY, PositionSide.NET, Decimal(n), None, f"r{n}", "h1")
        )
    account = msgspec.structs.replace(ACCOUNT, risk_profile=profile)
    limits, label = ProfileBook(built_in_profiles()).limits_for(account, REQUEST)
    return AccountView(
        account=account,
        book=book,
        quotes=QUOTES,
        instruments=INSTRUMENTS,
        limits=limits,
        profile=label,
        now_ms=NOW_MS,
        others=UserExposure(gross_usd=ZERO, equity_usd=ZERO),
        losses=LossStanding(day_loss=ZERO, week_loss=ZERO, month_loss=ZERO, drawdown=ZERO),
    )


REQUEST: Final = OrderRequest(
    request_id="new",
    tenant="t1",
    account_id="a1",
    cause="alert",
    cause_at_ms=NOW_MS - 100,
    source_kind=SourceKind.WEBHOOK,
    source_id="h1",
    strategy_id="",
    risk_profile="alert",
    symbol=SYMBOLS[0],
    intent=Enter(side=Side.BUY, size=Size(amount=Decimal(1), unit=SizeUnit.NATIVE)),
    valid_until_ms=NOW_MS + 60_000,
)
ACCOUNT: Final = VenueAccount(
    account_id="a1",
    tenant="t1",
    label="bench",
    exchange="okx",
    kind="paper",
    mode=ExecutionMode.PAPER,
    position_mode=PositionMode.NET,
    risk_profile="paper",
)
INSTRUMENTS: Final = {
    symbol: Instrument(
        symbol=symbol,
        kind=InstrumentKind.LINEAR_PERPETUAL,
        base_currency=symbol.split("-")[0],
        quote_currency="USDT",
        settle_currency="USDT",
        tick_size=Decimal("0.1"),
        lot_size=Decimal("0.01"),
        quantity_min=Decimal("0.01"),
        limit_quantity_max=Decimal(100_000),
        market_quantity_max=Decimal(12_000),
        contract_value=Decimal("0.01"),
        leverage_max=Decimal(100),
        maintenance_margin_rate=Decimal("0.004"),
    )
    for symbol in SYMBOLS
}
QUOTES: Final = {
    symbol: Quote(
        symbol=symbol,
        bid=PRICE - Decimal("0.1"),
        bid_quantity=Decimal(3),
        ask=PRICE,
        ask_quantity=Decimal(3),
        last=PRICE,
        mark=PRICE,
        index=PRICE,
        at_ms=NOW_MS,
    )
    for symbol in SYMBOLS
}

if __name__ == "__main__":
    main()
