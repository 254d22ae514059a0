from __future__ import annotations

from decimal import Decimal

import pytest

from fairlead.core.model.account import ExecutionMode
from fairlead.core.model.request import Intent
from fairlead.core.model.state import RequestStatus
from fairlead.reporting.explain_text import explanation_text
from tests.orders.trading_world import LINEAR, SPOT, TradingWorld, account, buy, sell

WISHES = [(LINEAR, buy(3)), (LINEAR, sell(25)), (SPOT, buy("0.01")), (SPOT, sell("0.2")), ("BTC-USD-SWAP", buy(7))]


async def test_an_account_in_dry_run_sends_nothing(world: TradingWorld) -> None:
    await world.configure(account(mode=ExecutionMode.DRY_RUN))
    request = world.request()
    (state,) = await world.ask(request)
    assert (state.status, state.reason_code) == (RequestStatus.SKIPPED, "dry_run")
    assert await world.orders() == []
    assert "a1 (DRY RUN" in explanation_text(await world.explain(request.request_id))


async def test_a_request_may_lower_its_mode_and_not_raise_it(world: TradingWorld) -> None:
    lowered = await world.want(mode=ExecutionMode.DRY_RUN)
    assert (lowered.status, lowered.reason_code) == (RequestStatus.SKIPPED, "dry_run")
    raised = await world.want(mode=ExecutionMode.LIVE)
    assert (raised.status, raised.reason_code) == (RequestStatus.DENIED, "mode_not_allowed")
    assert "asks for live, and a1 is paper" in raised.message
    assert await world.orders() == []


async def test_a_live_account_is_refused_until_the_installation_may_trade_live(world: TradingWorld) -> None:
    await world.configure(account(mode=ExecutionMode.LIVE))
    state = await world.want()
    assert (state.status, state.reason_code) == (RequestStatus.DENIED, "mode_not_allowed")
    assert await world.orders() == []


@pytest.mark.parametrize(("symbol", "intent"), WISHES)
async def test_a_dry_run_leaves_nothing_behind_and_shows_what_would_be_sent(
    world: TradingWorld, symbol: str, intent: Intent
) -> None:
    leverage = Decimal(4)
    book = world.desk().book
    before = (dict(book.balances), dict(book.leverages), list(book.recent), dict(book.orders))
    calls = list(world.trading.venues["a1"].calls)
    previewed = await world.want(dry_run=True, symbol=symbol, intent=intent, leverage=leverage)
    assert (dict(book.balances), dict(book.leverages), list(book.recent), dict(book.orders)) == before
    assert world.trading.venues["a1"].calls == calls
    real = world.request(symbol=symbol, intent=intent, leverage=leverage)
    await world.ask(real)
    assert previewed.preview is not None
    sent = [(str(order.side), order.quantity) for order in await world.orders_of(real)]
    assert [(body["side"], Decimal(body["quantity"])) for body in previewed.preview.bodies] == sent
