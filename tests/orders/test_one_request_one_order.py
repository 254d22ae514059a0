"""Whatever is handed in, and however often: one order an account, or a reason why not."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from fairlead.core.model.events import OrderApproved, OrderRequested
from fairlead.core.model.reports import Rejected
from fairlead.core.model.request import OrderType, SizeUnit
from fairlead.core.model.risk import RiskLimits
from fairlead.core.model.state import RequestStatus
from fairlead.ports import Committed, DuplicateKey, Unit
from tests.orders.trading_world import ETHER, LINEAR, SPOT, TradingWorld, account, buy, sell
from tests.orders.watched_journal import has_fact

STATE_CHANGING = {"place_order", "cancel_order", "set_leverage"}


@pytest.mark.parametrize("symbol", [LINEAR, SPOT])
async def test_a_request_becomes_exactly_one_order(world: TradingWorld, symbol: str) -> None:
    request = world.request(symbol=symbol, intent=buy("0.5"))
    (state,) = await world.ask(request)
    (order,) = await world.orders_of(request)
    assert state.status is RequestStatus.FILLED
    assert state.filled_quantity == order.filled_quantity == Decimal("0.5")
    assert [order.client_order_id for order in world.venue_orders()] == [order.order_id]
    assert world.agrees()


async def test_the_intent_and_its_deadline_are_stored_before_anything_is_sent(world: TradingWorld) -> None:
    world.journal.pause_at = has_fact(OrderApproved)
    request = world.request()
    await world.ask(request)
    (order,) = await world.orders_of(request)
    assert order.deadline_ms == world.clock.now_ms() + 5_000
    assert world.venue().calls == []
    world.journal.resume()
    await world.quiet()
    assert world.venue().placed == [order.order_id]


async def test_the_same_cause_again_stores_and_sends_nothing(world: TradingWorld) -> None:
    request = world.request()
    assert isinstance(await world.submit(request), Committed)
    await world.quiet()
    rows = await world.facts()
    assert isinstance(await world.submit(request), DuplicateKey)
    await world.run_ms(20_000)
    assert await world.facts() == rows
    assert len(world.venue_orders()) == 1


async def test_the_same_cause_at_the_same_moment_is_taken_once(world: TradingWorld) -> None:
    request = world.request()
    outcomes = await asyncio.gather(*(world.submit(request) for _ in range(4)))
    await world.quiet()
    assert [type(outcome) for outcome in outcomes].count(Committed) == 1
    assert [type(outcome) for outcome in outcomes].count(DuplicateKey) == 3
    assert len(await world.facts(OrderRequested)) == 1
    assert len(world.venue().placed) == 1
    assert world.agrees()


async def test_the_same_cause_after_a_restart_is_still_known(world: TradingWorld) -> None:
    request = world.request()
    await world.ask(request)
    await world.restart()
    assert isinstance(await world.submit(request), DuplicateKey)
    await world.quiet()
    assert world.venue().placed == []
    assert len(world.venue_orders()) == 1


async def test_a_request_that_is_decided_again_after_a_crash_gives_its_order_the_same_id(world: TradingWorld) -> None:
    lost: list[str] = []

    def loses_approval(unit: Unit) -> bool:
        lost.extend(fact.event.order.order_id for fact in unit.facts if isinstance(fact.event, OrderApproved))
        return bool(lost)

    world.journal.die_before = loses_approval
    request = world.request()
    await world.submit(request)
    await world.quiet()
    assert world.journal.is_dead
    await world.restart(pause_ms=1_000)
    (order,) = await world.orders_of(request)
    assert [order.order_id] == lost == world.venue().placed


async def test_two_causes_make_two_orders(world: TradingWorld) -> None:
    states = await world.ask(world.request(), world.request())
    assert [state.status for state in states] == [RequestStatus.FILLED] * 2
    assert world.held() == 4


async def test_w05_a_failing_account_of_three_is_not_sent_and_each_is_counted_once(world: TradingWorld) -> None:
    poor = account("a2", opening_balances={"USDT": Decimal(1)})
    await world.configure(account("a1"), poor, account("a3"))
    requests = [world.request(account_id, cause="alert") for account_id in ("a1", "a2", "a3")]
    await world.submit(*requests)
    await world.quiet()
    states = [await world.state(request) for request in requests]
    assert [state.status for state in states] == [RequestStatus.FILLED, RequestStatus.DENIED, RequestStatus.FILLED]
    assert [len(world.venue_orders(account_id)) for account_id in ("a1", "a2", "a3")] == [1, 0, 1]
    assert world.venue("a2").calls == []
    assert states[1].reason_code == "insufficient_balance"
    assert world.trading.door.unfinished == 0


@pytest.mark.parametrize("leverage", [None, Decimal(7)])
async def test_w06_a_dry_run_changes_nothing_at_the_venue(world: TradingWorld, leverage: Decimal | None) -> None:
    state = await world.want(dry_run=True, leverage=leverage)
    assert state.status is RequestStatus.SKIPPED
    assert state.reason_code == "dry_run"
    assert STATE_CHANGING.isdisjoint(world.venue().calls)
    assert await world.orders() == []
    assert world.venue_orders() == []


async def test_a_dry_run_shows_the_very_order_that_would_be_sent(world: TradingWorld) -> None:
    request = world.request()
    live = world.request(intent=request.intent)
    await world.submit(world.request(cause="rehearsal", dry_run=True))
    (_,) = await world.ask(live)
    (skipped,) = [row.event for row in await world.facts() if type(row.event).__name__ == "RequestSkipped"]
    shown = getattr(skipped, "order", None)
    (order,) = await world.orders_of(live)
    assert shown is not None
    assert (shown.symbol, shown.side, shown.quantity, shown.leverage) == (
        order.symbol,
        order.side,
        order.quantity,
        order.leverage,
    )


async def test_w11_a_rate_limit_is_waited_out_and_makes_one_order(world: TradingWorld) -> None:
    world.venue().answers.append(Rejected(code="50011", message="Too Many Requests", retry_after_ms=400))
    request = world.request()
    await world.ask(request)
    assert (await world.state(request)).status is RequestStatus.WORKING
    await world.run_ms(399)
    assert world.venue().placed == []
    await world.run_ms(1)
    assert (await world.state(request)).status is RequestStatus.FILLED
    assert len(world.venue().placed) == len(world.venue_orders()) == 1
    assert world.agrees()


async def test_w11_a_rate_limit_that_lasts_ends_as_the_refusal_it_is(world: TradingWorld) -> None:
    refusal = Rejected(code="50061", message="Too Many Requests (sub-account)", retry_after_ms=100)
    world.venue().answers += [refusal] * 20
    (state,) = await world.ask(world.request(), within_ms=10_000)
    assert (state.status, state.reason_code) == (RequestStatus.REJECTED, "50061")
    assert world.venue().calls.count("place_order") == 3


async def test_w11_a_rate_limit_is_not_waited_out_beyond_the_deadline(world: TradingWorld) -> None:
    world.venue().answers.append(Rejected(code="50011", message="Too Many Requests", retry_after_ms=5_000))
    (state,) = await world.ask(world.request(), within_ms=10_000)
    assert state.status is RequestStatus.REJECTED
    assert world.venue().calls == ["place_order"]


async def test_a_definite_refusal_keeps_the_venues_code_and_text(world: TradingWorld) -> None:
    text = "Order failed. Your available balance is insufficient."
    world.venue().answers.append(Rejected(code="51008", message=text))
    state = await world.want()
    assert (state.status, state.reason_code, state.message) == (RequestStatus.REJECTED, "51008", text)
    assert world.venue().calls == ["place_order"]
    assert world.agrees()


async def test_what_a_refused_order_reserved_is_free_again(world: TradingWorld) -> None:
    before = world.desk().book.balances["USDT"]
    world.venue().answers.append(Rejected(code="51008", message="no"))
    world.venue().gate.clear()
    await world.want()
    assert world.desk().book.balances["USDT"].reserved > 0
    world.venue().gate.set()
    await world.quiet()
    assert world.desk().book.balances["USDT"] == before


@pytest.mark.parametrize("count", [1, 20])
async def test_w14_an_alert_is_taken_while_the_venue_hangs(world: TradingWorld, count: int) -> None:
    ids = [f"a{number}" for number in range(1, count + 1)]
    await world.configure(*(account(account_id) for account_id in ids))
    for account_id in ids:
        world.venue(account_id).gate.clear()
    started_ms = world.clock.now_ms()
    requests = [world.request(account_id, cause="alert") for account_id in ids]
    assert isinstance(await world.submit(*requests), Committed)
    await world.quiet()
    # No time has passed, and no account waits for another.
    assert world.clock.now_ms() == started_ms
    assert [world.venue(account_id).calls for account_id in ids] == [["place_order"]] * count
    assert world.trading.door.unfinished == count
    for account_id in ids:
        world.venue(account_id).gate.set()
    await world.quiet()
    assert {(await world.state(request)).status for request in requests} == {RequestStatus.FILLED}
    assert world.trading.door.unfinished == 0


async def test_leverage_is_set_before_the_order_and_only_when_it_differs(world: TradingWorld) -> None:
    for _ in range(2):
        await world.want(leverage=Decimal(7))
    assert world.venue().calls == ["set_leverage", "place_order", "place_order"]
    (held,) = world.exchange.accounts.positions("a1")
    assert held.leverage == 7
    assert world.agrees()


async def test_a_leverage_that_the_venue_refuses_ends_the_request_in_its_words(world: TradingWorld) -> None:
    await world.want(leverage=Decimal(2), intent=buy(20))
    price = world.price() - 50
    await world.want(order_type=OrderType.LIMIT, limit_price=price, intent=buy(20))
    state = await world.want(leverage=Decimal(5))
    assert (state.status, state.reason_code) == (RequestStatus.DENIED, "leverage_refused")
    assert "Leverage can't be changed" in state.message
    assert world.agrees()


async def test_a_leverage_whose_answer_is_lost_is_set_again(world: TradingWorld) -> None:
    world.venue().lose_settings = 1
    state = await world.want(leverage=Decimal(7))
    assert state.status is RequestStatus.FILLED
    assert world.venue().calls == ["set_leverage", "set_leverage", "place_order"]
    assert world.agrees()


async def test_a_leverage_that_was_set_and_never_confirmed_is_learned_when_the_books_are_compared(
    world: TradingWorld,
) -> None:
    await world.want(leverage=Decimal(7))
    world.venue().lose_settings = 100
    assert (await world.want(leverage=Decimal(4))).reason_code == "leverage_refused"
    (ours,) = world.desk().book.positions.values()
    assert ours.leverage == 7
    await world.restart()
    (ours,) = world.desk().book.positions.values()
    (theirs,) = world.exchange.accounts.positions("a1")
    assert ours.leverage == theirs.leverage == 4
    assert set(world.desk().book.leverages.values()) == {4}
    assert world.agrees()


async def test_a_spot_buy_may_be_sized_in_quote_currency(world: TradingWorld) -> None:
    state = await world.want(symbol=SPOT, intent=buy(600, SizeUnit.QUOTE))
    assert state.status is RequestStatus.FILLED
    (order,) = await world.orders()
    assert order.in_quote
    assert 599 < order.filled_notional <= 600
    assert world.agrees()


async def test_split_above_the_greatest_market_order_makes_one_request_with_three_orders(world: TradingWorld) -> None:
    await world.limit(RiskLimits())
    rich = account("rich", opening_balances={"USDT": Decimal(100_000_000)})
    await world.configure(account(), rich)
    request = world.request("rich", intent=buy(30_000))
    await world.ask(request)
    orders = await world.orders_of(request)
    assert [order.quantity for order in orders] == [12_000, 12_000, 6_000]
    assert [order.leg for order in orders] == [0, 1, 2]
    state = await world.state(request)
    assert state.order_ids == tuple(order.order_id for order in orders)
    assert state.filled_quantity == sum(order.filled_quantity for order in orders)
    assert len(world.venue_orders("rich")) == 3
    assert world.agrees("rich")


async def test_accounts_share_a_market_but_not_a_book(world: TradingWorld) -> None:
    await world.configure(account("a1"), account("a2"))
    await world.ask(world.request("a1", intent=buy(3)), world.request("a2", symbol=ETHER, intent=sell(4)))
    assert world.held(LINEAR, "a1") == 3
    assert world.held(ETHER, "a1") == 0
    assert world.held(ETHER, "a2") == -4
    assert world.agrees("a1")
    assert world.agrees("a2")


async def test_an_account_of_an_unknown_kind_is_told_of_and_the_others_are_followed(world: TradingWorld) -> None:
    strange = account("a2", kind="bank", enabled=False)
    with capture_logs() as logs:
        await world.configure(account("a1"), strange, account("a3"))
    told = [line for line in logs if line["event"] == "account_not_served"]
    assert [(line["log_level"], line["account"], line["kind"]) for line in told] == [("error", "a2", "bank")]
    assert world.trading.floor.find("a2") is None
    assert (await world.want("a3")).status is RequestStatus.FILLED
