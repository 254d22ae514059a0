"""Two hooks on one account: each may close its own share, and a restart forgets nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.core.model.account import PositionSide
from fairlead.core.model.request import Close, CloseScope
from fairlead.core.model.state import RequestStatus
from tests.orders.trading_world import LINEAR, SPOT, TradingWorld, buy, sell

SHARE = Close(scope=CloseScope.SOURCE)


async def test_each_hook_closes_its_own_share_across_a_restart(world: TradingWorld) -> None:
    await world.want(source_id="h1", intent=buy(3))
    await world.want(source_id="h2", intent=sell(5))
    assert world.held() == Decimal(-2)
    await world.restart()
    state = await world.want(source_id="h1", intent=SHARE)
    assert (state.status, state.filled_quantity) == (RequestStatus.FILLED, Decimal(3))
    assert world.held() == Decimal(-5)
    again = await world.want(source_id="h1", intent=SHARE)
    assert (again.status, again.reason_code) == (RequestStatus.SKIPPED, "no_position")
    await world.want(source_id="h2", intent=SHARE)
    assert world.held() == Decimal(0)
    assert world.desk().book.sub_books.shares((LINEAR, PositionSide.NET)) == {}
    assert world.agrees()


@pytest.mark.parametrize("symbol", [LINEAR, SPOT])
async def test_a_share_beside_another_is_closed_alone(world: TradingWorld, symbol: str) -> None:
    await world.want(source_id="h1", symbol=symbol, intent=buy("0.2"))
    await world.want(source_id="h2", symbol=symbol, intent=buy("0.3"))
    books = world.desk().book.sub_books
    kept = books.share_of((symbol, PositionSide.NET), "h2")
    state = await world.want(source_id="h1", symbol=symbol, intent=SHARE)
    assert state.status is RequestStatus.FILLED
    assert books.share_of((symbol, PositionSide.NET), "h1") == 0
    assert books.share_of((symbol, PositionSide.NET), "h2") == kept > 0
    assert world.agrees()
