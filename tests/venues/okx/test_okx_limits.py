"""Accounts that want more than OKX's limits allow, over real sockets: not one request is refused for its rate."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from fairlead.core.model import reports as rp
from tests.venues.okx.okx_floor import Trader, approve, open_floor

ORDERS = 90
PATIENCE_MS = 30_000


@pytest.mark.slow
@pytest.mark.parametrize("has_codes", [False, True], ids=["rest", "socket"])
async def test_a_burst_of_orders_and_cancels_waits_for_its_turn_and_is_never_refused(*, has_codes: bool) -> None:
    members = [f"k{number}:s:p:USDT=1000000" for number in range(1, 5)]
    async with open_floor(*members) as floor:
        if has_codes:
            await floor.learn_codes()
        traders = [floor.trader(number) for number in range(len(members))]
        await asyncio.gather(*(trader.listen() for trader in traders))

        async def place_and_cancel(trader: Trader, number: int) -> None:
            # They wait for their turn three seconds; a busy machine must not make them too late.
            order = trader.resting(number)
            order = replace(order, deadline_ms=order.deadline_ms + PATIENCE_MS)
            outcomes.append(await trader.venue.place_order(approve(order)))
            outcomes.append(await trader.venue.cancel_order(order))

        outcomes: list[rp.PlaceOutcome | rp.CancelOutcome] = []
        await asyncio.gather(*(place_and_cancel(trader, number) for trader in traders for number in range(ORDERS)))
        assert {type(outcome) for outcome in outcomes} == {rp.Accepted, rp.Canceled}
        assert len(outcomes) == 2 * ORDERS * len(traders)
