"""However often an alert is sent, each account gets one order request; another alert is never swallowed."""

from __future__ import annotations

import asyncio
from collections import Counter

from fairlead.core.model.events import AlertDuplicated, AlertReceived
from fairlead.core.model.request import OrderRequest
from fairlead.core.model.state import RequestStatus
from fairlead.sources.webhook.intake import Answered, Refusal
from fairlead.store.queries.hooks import ResponseMode
from tests.sources.webhook.world import ACCOUNTS, World, make_hook


def count_by_account(requests: list[OrderRequest]) -> dict[str, int]:
    return dict(Counter(request.account_id for request in requests))


ONE_EACH = {account.account_id: 1 for account in ACCOUNTS}


async def test_w15_four_sends_with_a_restart_between_make_one_request_per_account(world: World) -> None:
    first = await world.answer()
    for number in range(3):
        world.clock.advance_ms(8_000)
        if number == 1:
            await world.restart()
        again = await world.answer()
        assert again.status_code == 200
        assert again.answer.duplicate_of == first.answer.request_id
        assert again.answer.request_id != first.answer.request_id
    assert count_by_account(await world.read_requests()) == ONE_EACH
    assert len(await world.read_events(AlertReceived)) == 1
    assert len(await world.read_events(AlertDuplicated)) == 3


async def test_w15_forty_sends_at_once_make_one_winner_and_thirty_nine_repeats_of_its_result(world: World) -> None:
    await world.configure(hook=make_hook(response_mode=ResponseMode.WAIT))
    world.door.settles_as = RequestStatus.FILLED
    for key in ({}, {"alertId": "a-1"}):
        answers = [reply.answer for reply in await asyncio.gather(*(world.answer(key) for _ in range(40)))]
        (winner,) = [answer for answer in answers if answer.duplicate_of is None]
        repeats = [answer for answer in answers if answer.duplicate_of is not None]
        assert {answer.duplicate_of for answer in repeats} == {winner.request_id}
        assert {answer.results for answer in repeats} == {winner.results}
        assert winner.status == "done"
        assert len({answer.request_id for answer in answers}) == 40
    assert count_by_account(await world.read_requests()) == dict.fromkeys(ONE_EACH, 2)


async def test_w15_an_own_key_holds_for_days_and_over_restarts_whatever_else_the_body_says(world: World) -> None:
    first = await world.answer({"alertId": "bar-17"})
    await world.settle_down()
    world.clock.advance_ms(7 * 86_400_000)
    await world.restart()
    again = await world.answer({"idempotencyKey": "bar-17", "qty": "5"})
    assert again.answer.duplicate_of == first.answer.request_id
    assert again.answer.warnings == ()
    assert len(again.answer.results) == 3
    assert len(await world.read_requests()) == 3


async def test_an_equal_alert_without_a_key_is_meant_again_after_the_window(world: World) -> None:
    await world.answer()
    world.clock.advance_ms(29_999)
    again = await world.answer()
    assert again.answer.duplicate_of is not None
    assert again.answer.warnings[0].startswith("possible duplicate")
    world.clock.advance_ms(1)
    assert (await world.answer()).answer.duplicate_of is None


async def test_a_window_without_a_key_is_remembered_over_a_restart(world: World) -> None:
    await world.answer()
    world.clock.advance_ms(20_000)
    await world.restart()
    assert (await world.answer()).answer.duplicate_of is not None


async def test_the_same_wish_in_another_spelling_is_the_same_alert(world: World) -> None:
    first = await world.answer()
    for changes in (
        {"qty": 0.1, "side": "BUY", "leverage": "5.0"},
        {"symbol": "BTCUSDT.P"},
        {"comment": "again", "dryRun": "false"},
    ):
        assert (await world.answer(changes)).answer.duplicate_of == first.answer.request_id


async def test_any_difference_in_the_wish_makes_another_alert(world: World) -> None:
    await world.answer()
    for changes in (
        {"qty": "0.2"},
        {"side": "sell"},
        {"strategyId": "other"},
        {"ordType": "limit", "price": 1},
        {"ordType": "limit", "price": 2},
        {"alertTime": world.clock.now_ms()},
        {"accounts": ["main"]},
        {"closePosition": True},
        {"alertId": "x"},
        {"qtyUnit": "base"},
        {"slPrice": 1},
        {"dryRun": True},
    ):
        assert (await world.answer(changes)).answer.duplicate_of is None, changes


async def test_a_dry_run_does_not_use_up_the_key_of_the_real_alert(world: World) -> None:
    await world.answer({"alertId": "k", "dryRun": True})
    assert (await world.answer({"alertId": "k"})).answer.duplicate_of is None
    assert (await world.answer({"alertId": "k", "dryRun": True})).answer.duplicate_of is not None


async def test_an_alert_that_could_not_be_stored_is_not_remembered(world: World) -> None:
    world.journal.refuses = True
    replies = await asyncio.gather(*(world.send() for _ in range(5)))
    for reply in replies:
        assert isinstance(reply, Refusal)
        assert reply.status_code == 503
        assert reply.retry_after_s
    world.journal.refuses = False
    again = await world.answer()
    assert again.answer.duplicate_of is None
    assert count_by_account(await world.read_requests()) == ONE_EACH


async def test_a_journal_that_breaks_leaves_nothing_that_a_resend_could_hang_on(world: World) -> None:
    world.journal.breaks = True
    outcome = (await asyncio.gather(world.send(), return_exceptions=True))[0]
    assert isinstance(outcome, RuntimeError)
    world.journal.breaks = False
    assert (await world.answer()).answer.duplicate_of is None


async def test_a_sender_that_hangs_up_takes_nothing_with_it(world: World) -> None:
    call = asyncio.create_task(world.send())
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    again = await world.answer()
    assert again.answer.duplicate_of is not None
    assert count_by_account(await world.read_requests()) == ONE_EACH


async def test_two_hooks_may_use_the_same_key(world: World) -> None:
    await world.answer({"alertId": "k"})
    await world.configure(hook=make_hook(hook_id="hook-2"))
    assert isinstance(reply := await world.send({"alertId": "k"}), Answered)
    assert reply.answer.duplicate_of is None


async def test_a_repeat_is_filed_where_an_explanation_finds_it(world: World) -> None:
    first = await world.answer()
    again = await world.answer()
    await world.settle_down()
    (repeat,) = await world.read_events(AlertDuplicated)
    assert (repeat.duplicate_of, repeat.alert_id) == (first.answer.request_id, again.answer.request_id)
