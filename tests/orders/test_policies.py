from __future__ import annotations

from decimal import Decimal

from fairlead.accounts.policies import read_policy
from fairlead.core.model.events import OrderApproved, RequestDenied
from fairlead.core.model.policy import PolicyOutcome
from fairlead.core.model.request import Close
from fairlead.core.model.state import RequestStatus
from fairlead.reporting.explain_text import explanation_text
from tests.orders.trading_world import LINEAR, TradingWorld, buy

DELAY = '[[rules]]\nid = "later"\nthen = {delay = "10s"}\n'


def police(world: TradingWorld, rules: str, head: str = "") -> None:
    world.policies = [read_policy("mine", 3, f"schema = 1\n{head}{rules}")]


async def test_a_denied_request_leaves_nothing_at_the_venue_and_says_why(world: TradingWorld) -> None:
    police(world, '[[rules]]\nid = "none"\nthen = "deny"\nwhen = {field = "asset", eq = "BTC"}\n')
    request = world.request()
    (state,) = await world.ask(request)
    assert (state.status, state.reason_code) == (RequestStatus.DENIED, "policy_rejected")
    assert await world.orders() == []
    (row,) = await world.facts(RequestDenied)
    assert isinstance(row.event, RequestDenied)
    assert row.event.policies[0].matches[0].inputs == {"asset": "BTC"}
    text = explanation_text(await world.explain(request.request_id))
    assert "policy mine v3 says deny: rule none (asset = BTC)" in text


async def test_an_approved_order_keeps_what_every_policy_said(world: TradingWorld) -> None:
    police(world, '[[rules]]\nid = "half"\nthen = {scale = 0.5}\n')
    request = world.request(intent=buy(4))
    await world.ask(request, within_ms=2_000)
    assert world.held(LINEAR) == Decimal(2)
    (row,) = await world.facts(OrderApproved)
    assert isinstance(row.event, OrderApproved)
    assert row.event.policies[0].outcome is PolicyOutcome.SCALE
    text = explanation_text(await world.explain(request.request_id))
    assert "4 contracts × 0.5 (mine v3 half) = 2 contracts" in text
    assert "policy mine v3 says scale: rule half" in text


async def test_a_policy_never_keeps_anybody_from_closing(world: TradingWorld) -> None:
    await world.want()
    police(world, "", 'defaults = "deny"\n')
    state = await world.want(intent=Close())
    await world.run_ms(1_000)
    assert state.status is RequestStatus.FILLED
    assert world.held(LINEAR) == 0


async def test_a_shadow_policy_shows_what_it_would_have_done(world: TradingWorld) -> None:
    police(world, '[[rules]]\nid = "none"\nthen = "deny"\n', 'mode = "shadow"\n')
    request = world.request()
    await world.ask(request, within_ms=2_000)
    assert world.held(LINEAR) == 2
    assert "rule none (shadow: noted only)" in explanation_text(await world.explain(request.request_id))


async def test_a_delayed_request_waits_and_is_then_sent_once(world: TradingWorld) -> None:
    police(world, DELAY)
    request = world.request()
    (state,) = await world.ask(request, within_ms=9_000)
    assert state.status is RequestStatus.QUEUED
    assert state.warnings[0].startswith("a policy delays it by 10 s, until ")
    await world.run_ms(3_000)
    assert (await world.state(request)).status is RequestStatus.FILLED
    assert world.held(LINEAR) == 2
    assert len(await world.orders_of(request)) == 1


async def test_others_do_not_wait_for_a_delayed_request(world: TradingWorld) -> None:
    police(world, '[[rules]]\nid = "later"\nthen = {delay = "10s"}\nwhen = {field = "asset", eq = "BTC"}\n')
    await world.submit(world.request())
    other = world.request(symbol="ETH-USDT-SWAP")
    (state,) = await world.ask(other, within_ms=2_000)
    assert state.status is RequestStatus.FILLED


async def test_a_restart_finds_the_end_of_a_delay_again(world: TradingWorld) -> None:
    police(world, DELAY)
    request = world.request()
    await world.ask(request, within_ms=4_000)
    await world.restart()
    await world.run_ms(5_000)
    assert (await world.state(request)).status is RequestStatus.QUEUED
    await world.run_ms(3_000)
    assert (await world.state(request)).status is RequestStatus.FILLED
    assert len(await world.orders_of(request)) == 1


async def test_a_delayed_entry_does_not_come_after_its_own_close(world: TradingWorld) -> None:
    police(world, DELAY)
    entry = world.request()
    await world.ask(entry, within_ms=2_000)
    await world.ask(world.close_request())
    await world.run_ms(12_000)
    state = await world.state(entry)
    assert (state.status, state.reason_code) == (RequestStatus.DENIED, "superseded")
    assert world.held(LINEAR) == 0


async def test_a_delayed_entry_does_not_come_after_its_own_close_over_a_restart(world: TradingWorld) -> None:
    police(world, DELAY)
    entry = world.request()
    await world.ask(entry, within_ms=2_000)
    # It finds nothing to close, and nothing of it is in a book after the restart.
    await world.ask(world.close_request())
    await world.restart()
    await world.run_ms(12_000)
    state = await world.state(entry)
    assert (state.status, state.reason_code) == (RequestStatus.DENIED, "superseded")
    assert world.held(LINEAR) == 0


async def test_a_dry_run_ends_nothing_that_waits(world: TradingWorld) -> None:
    police(world, DELAY)
    entry = world.request()
    await world.ask(entry, within_ms=2_000)
    await world.want(dry_run=True)
    await world.run_ms(12_000)
    assert (await world.state(entry)).status is RequestStatus.FILLED


async def test_a_dry_run_does_not_wait_for_a_delay(world: TradingWorld) -> None:
    police(world, DELAY)
    state = await world.want(dry_run=True)
    assert (state.status, state.reason_code) == (RequestStatus.SKIPPED, "dry_run")
    assert state.preview is not None
    assert "then it would be decided anew" in state.message
