"""Many orders while everything goes wrong at once: in the end, what was told is what the exchange has."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from fairlead.core.model import reports as rp
from fairlead.core.model.request import Side
from fairlead.simulator.okx.faults.rules import FaultKind, FaultRule, Match, Params
from fairlead.venues.okx import private_stream
from tests.venues.okx.okx_floor import OkxFloor, Trader, approve, open_floor, until

ORDERS = 40
_PUSHES = {
    FaultKind.PUSH_LOST: 0.15,
    FaultKind.PUSH_DUPLICATED: 0.2,
    FaultKind.PUSH_REORDERED: 0.1,
    FaultKind.SOCKET_DROP: 0.02,
}
_REQUESTS = {FaultKind.RESET_BEFORE: 0.05, FaultKind.RESET_AFTER: 0.1, FaultKind.HTML_5XX: 0.05}


def brew(floor: OkxFloor, seed: int) -> None:
    """Let pushes and requests go wrong by chance."""
    for kind, chance in _PUSHES.items():
        match = Match(endpoint="orders")
        floor.okx.faults.plan.add(FaultRule(id=kind.value, kind=kind, match=match, probability=chance, seed=seed))
    for endpoint in ("order", "trade/order"):
        for kind, chance in _REQUESTS.items():
            params = Params(taken=True) if kind is FaultKind.HTML_5XX else Params()
            floor.okx.faults.plan.add(
                FaultRule(
                    id=f"{kind.value} {endpoint}",
                    kind=kind,
                    match=Match(endpoint=endpoint),
                    probability=chance,
                    seed=seed,
                    params=params,
                )
            )


async def trade(trader: Trader, number: int) -> None:
    """Send one order, once, and cancel it where it rests."""
    side = Side.SELL if number % 2 else Side.BUY
    order = trader.resting(number) if number % 4 == 3 else trader.order(number, side=side, quantity=Decimal(30))
    await trader.venue.place_order(approve(order))
    if number % 4 == 3:
        await trader.venue.cancel_order(order)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
async def test_every_order_is_there_once_and_every_fill_is_told_once(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(private_stream, "SWEEP_EVERY_MS", 400)
    monkeypatch.setattr(private_stream, "PAUSE_FIRST_MS", 20)
    monkeypatch.setattr("fairlead.venues.okx.order_socket.REPLY_WAIT_MS", 300)
    async with open_floor() as floor:
        await floor.learn_codes()
        trader = floor.trader()
        await trader.listen()
        brew(floor, seed)
        for start in range(0, ORDERS, 8):
            await asyncio.gather(*(trade(trader, number) for number in range(start, start + 8)))
            await floor.clock.sleep_ms(50)
        assert sum(state.struck for state in floor.okx.faults.plan.states) > 10
        floor.okx.faults.plan.clear()

        accounts = floor.okx.exchange.accounts
        orders = [*accounts.open_orders("k1"), *accounts.finished_orders("k1")]
        filled = {order.client_order_id: order.filled_quantity for order in orders if order.filled_quantity}
        assert len({order.client_order_id for order in orders}) == len(orders) > ORDERS / 2

        def told() -> dict[str, Decimal]:
            wanted = {report.fill.order_id for report in trader.told(rp.ReportFill)}
            return {order_id: trader.filled(trader.order(order_id=order_id)) for order_id in wanted}

        await until(lambda: told() == filled)
        fills = [(report.fill.symbol, report.fill.trade_id) for report in trader.told(rp.ReportFill)]
        assert len(set(fills)) == len(fills)
