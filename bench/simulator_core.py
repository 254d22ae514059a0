"""Measure the simulated exchange in process: orders a second on one core, one step of time, one match.

Run: .venv/bin/python bench/simulator_core.py
"""
# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from fairlead.core.model.request import Side
from fairlead.core.rules.matching import OrderBook, Resting, Taker
from fairlead.simulator.exchange import Exchange
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS
from fairlead.simulator.orders import NewOrder, OrderType, Placed

START_MS: Final = 1_700_000_000_000
ORDERS: Final = 5_000
STEPS: Final = 2_000
ACCOUNTS_MANY: Final = 10_000


def main() -> None:
    """Print the table."""
    rows = [
        ("match of one taker with one maker", measure(match_once(), 50_000)),
        ("market order, spot", measure(market_orders("BTC-USDT", "0.01"), ORDERS)),
        ("market order, linear perpetual, cross", measure(market_orders("BTC-USDT-SWAP", "1"), ORDERS)),
        ("market order, inverse perpetual, cross", measure(market_orders("BTC-USD-SWAP", "1"), ORDERS)),
        ("limit order placed and canceled", measure(resting_orders(), ORDERS)),
        ("step of time, 14 markets, no accounts", measure(steps(open_exchange()), STEPS)),
        ("step of time, 10,000 accounts with position and stop", measure(steps(crowded_exchange()), STEPS)),
    ]
    for name, microseconds in rows:
        sys.stdout.write(f"{name:55} {microseconds:9.2f} us {1_000_000 / microseconds:12,.0f} /s\n")


def measure(act: Callable[[int], None], times: int) -> float:
    """Return microseconds for one act; the best of three rounds."""
    best = float("inf")
    for turn in range(3):
        started = time.perf_counter()  # noqa: TID251 - a measurement asks the machine
        for number in range(times):
            act(turn * times + number)
        best = min(best, time.perf_counter() - started)  # noqa: TID251
    return best / times * 1e6


def open_exchange() -> Exchange:
    """Open an exchange with its default instruments."""
    return Exchange(instruments=DEFAULT_INSTRUMENTS, seed=7, now_ms=START_MS)


def crowded_exchange() -> Exchange:
    """Open an exchange with many accounts that hold something and sleep on a price."""
    exchange = open_exchange()
    now_ms = START_MS
    for number in range(ACCOUNTS_MANY):
        account_id = f"account{number}"
        exchange.open_account(account_id, balances={"USDT": Decimal(100_000)})
        exchange.place(account_id, new_order(number, "BTC-USDT-SWAP", Side.BUY, "1"), now_ms=now_ms)
        stop = NewOrder(
            client_order_id=f"stop{number}",
            symbol="BTC-USDT-SWAP",
            side=Side.SELL,
            order_type=OrderType.STOP_MARKET,
            quantity=Decimal(1),
            trigger_price=Decimal(50_000),
            reduce_only=True,
        )
        exchange.place(account_id, stop, now_ms=now_ms)
        exchange.drain_events()
        if number % 20 == 0:
            now_ms += 250
            exchange.advance(now_ms)
    exchange.advance(now_ms + 60_000)
    return exchange


def steps(exchange: Exchange) -> Callable[[int], None]:
    """Let one step of time pass."""
    started_ms = exchange.markets.quote("BTC-USDT").at_ms

    def act(number: int) -> None:
        exchange.advance(started_ms + (number + 1) * 250)

    return act


def market_orders(symbol: str, quantity: str) -> Callable[[int], None]:
    """Buy and sell at market in turn, time passing as at 20 orders a step."""
    exchange = open_exchange()
    exchange.open_account("me", balances={"USDT": Decimal(1_000_000), "BTC": Decimal(10)})

    def act(number: int) -> None:
        side = Side.SELL if number % 2 else Side.BUY
        now_ms = START_MS + number // 20 * 250
        answer = exchange.place("me", new_order(number, symbol, side, quantity), now_ms=now_ms)
        assert isinstance(answer, Placed), answer
        if number % 20 == 0:
            exchange.advance(now_ms)
            exchange.drain_events()

    return act


def resting_orders() -> Callable[[int], None]:
    """Place a limit order that waits, and cancel it."""
    exchange = open_exchange()
    exchange.open_account("me", balances={"USDT": Decimal(1_000_000)})

    def act(number: int) -> None:
        order = new_order(number, "BTC-USDT-SWAP", Side.BUY, "1", Decimal("59500.1"))
        answer = exchange.place("me", order, now_ms=START_MS)
        assert isinstance(answer, Placed), answer
        exchange.cancel("me", venue_order_id=answer.venue_order_id, now_ms=START_MS)
        if number % 1000 == 0:
            exchange.drain_events()

    return act


def match_once() -> Callable[[int], None]:
    """Match a taker with the best of twenty levels, filled up again each time."""
    book = OrderBook()
    for level in range(20):
        book.add(
            Resting(order_id=f"a{level}", owner="m", side=Side.SELL, price=Decimal(101 + level), quantity=Decimal(9**9))
        )
    taker = Taker(owner="t", side=Side.BUY, quantity=Decimal(1))

    def act(_: int) -> None:
        book.match(taker)

    return act


def new_order(number: int, symbol: str, side: Side, quantity: str, price: Decimal | None = None) -> NewOrder:
    """Word an order."""
    return NewOrder(
        client_order_id=f"c{number}",
        symbol=symbol,
        side=side,
        order_type=OrderType.MARKET if price is None else OrderType.LIMIT,
        quantity=Decimal(quantity),
        limit_price=price,
    )


if __name__ == "__main__":
    main()
