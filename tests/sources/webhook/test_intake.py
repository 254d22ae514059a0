"""What an alert asks for on which accounts, what its sender is told, and what happens when something breaks."""

from __future__ import annotations

import asyncio
import json
import threading
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from fairlead.core.model.account import ExecutionMode
from fairlead.core.model.events import AlertHandled, AlertReceived
from fairlead.core.model.request import Close, Enter, Side, Size, SizeUnit, SourceKind, TargetPosition
from fairlead.core.model.state import RequestStatus
from fairlead.sources.webhook.duplicates import CONTENT_WINDOW_MS
from fairlead.sources.webhook.seams import UnreadableError
from fairlead.sources.webhook.stored_alerts import StoredAlerts
from fairlead.store.queries.groups import Group
from fairlead.store.queries.hooks import Hook, ResponseMode
from fairlead.store.session import Store
from tests.servers.clean import clean_sqlite
from tests.sources.webhook.world import ACCOUNTS, ALERT, START_MS, TENANT, TOKEN, World, make_account, make_hook

WAITING = make_hook(response_mode=ResponseMode.WAIT)
THREAD_END_S_MAX = 5.0
CLOSE: dict[str, object] = {"closePosition": True, "side": None, "qty": None, "leverage": None, "marginMode": None}


async def read_labels(world: World) -> list[str]:
    known = {account.account_id: account.label for account in world.accounts}
    return [known[request.account_id] for request in await world.read_requests()]


async def read_verdict(world: World) -> AlertHandled:
    await world.settle_down()
    handled = await world.read_events(AlertHandled)
    assert isinstance(handled[-1], AlertHandled)
    return handled[-1]


async def test_an_alert_becomes_one_request_per_account_with_everything_it_said(world: World) -> None:
    reply = await world.answer({"strategyId": "ema", "slPrice": "50000", "tpPrice": 90000})
    requests = await world.read_requests()
    assert [request.account_id for request in requests] == ["id-main", "id-second", "id-third"]
    assert len({request.request_id for request in requests}) == 3
    request = requests[0]
    assert request.intent == Enter(side=Side.BUY, size=Size(amount=Decimal("0.1"), unit=SizeUnit.NATIVE))
    assert (request.cause, request.cause_at_ms) == (reply.answer.request_id, START_MS)
    assert (request.symbol, request.source_kind, request.source_id) == ("BTC-USDT-SWAP", SourceKind.WEBHOOK, "hook-1")
    assert (request.strategy_id, request.risk_profile, request.leverage) == ("ema", "alert", Decimal(5))
    assert (request.stop_loss_price, request.take_profit_price) == (Decimal(50_000), Decimal(90_000))
    assert request.valid_until_ms == START_MS + 60_000
    assert not request.dry_run


async def test_the_token_does_not_reach_the_disk(world: World) -> None:
    await world.answer({"comment": f"token {TOKEN}"})
    (received,) = await world.read_events(AlertReceived)
    assert TOKEN.encode() not in received.body
    assert json.loads(received.body)["symbol"] == "BTC-USDT-SWAP"


async def test_an_acknowledgement_names_every_account_as_pending(world: World) -> None:
    reply = await world.answer()
    answer = reply.answer
    assert (reply.status_code, answer.status) == (202, "accepted")
    assert (answer.successful, answer.failed, answer.pending) == (0, 0, 3)
    assert [(result.account, result.status) for result in answer.results] == [
        ("main", "queued"),
        ("second", "queued"),
        ("third", "queued"),
    ]
    assert answer.status_url == f"/requests/{answer.request_id}"


async def test_only_enabled_accounts_of_the_named_exchange_are_asked(world: World) -> None:
    disabled, elsewhere = make_account("off", enabled=False), make_account("far", exchange="elsewhere")
    await world.configure(accounts=(*ACCOUNTS, disabled, elsewhere))
    reply = await world.answer()
    assert reply.answer.warnings == ("account off is disabled",)
    assert await read_labels(world) == ["main", "second", "third"]


async def test_w10_an_exchange_without_accounts_or_adapter_is_refused_and_nothing_leaves(world: World) -> None:
    for exchange in ("bybit", "elsewhere"):
        refusal = await world.refuse({"exchange": exchange, "symbol": "BTC-USDT", "type": "spot"})
        assert refusal.status_code == 400
        assert refusal.details[0].field in {"exchange", "accounts"}
    assert await world.read_requests() == []
    assert await world.read_events(AlertReceived) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"symbol": "BTCUSTD.P"}, "symbol"),
        ({"symbol": "BTC-USDT"}, "symbol"),
        ({"leverage": 101}, "leverage"),
        ({"accounts": ["nobody"]}, "accounts"),
        ({"qty": "much"}, "qty"),
    ],
)
async def test_what_cannot_be_understood_is_refused_before_it_is_stored(
    world: World, changes: dict[str, object], field: str
) -> None:
    refusal = await world.refuse(changes)
    assert (refusal.status_code, refusal.details[0].field) == (400, field)
    assert await world.read_events(AlertReceived) == []


async def test_an_alert_may_choose_among_the_accounts_of_its_hook_but_not_beyond_them(world: World) -> None:
    pair = Group(group_id="g", tenant=TENANT, name="pair", created_ms=0, account_ids=("id-main", "id-second"))
    await world.configure(hook=make_hook(target="pair"), groups=(pair,))
    await world.answer({"accounts": ["second"]})
    await world.answer({"accounts": ["default"]})
    assert await read_labels(world) == ["second", "main", "second"]
    refusal = await world.refuse({"accounts": ["third"]})
    assert refusal.details[0].rule == "is not among the accounts of this hook"
    await world.configure(groups=(msgspec.structs.replace(pair, account_ids=()),))
    assert (await world.refuse({"qty": 2})).details[0].field == "accounts"


async def test_a_strict_hook_refuses_unknown_fields(world: World) -> None:
    assert (await world.answer({"trailing": 1})).answer.warnings == ("trailing is not a known field and was ignored",)
    await world.configure(hook=make_hook(strict_fields=True))
    assert (await world.refuse({"trailing": 2})).details[0].field == "trailing"


async def test_a_close_asks_without_side_leverage_and_margin_mode(world: World) -> None:
    await world.answer(CLOSE | {"symbol": "BTC-USD-SWAP", "type": "invperps"})
    assert [request.intent for request in await world.read_requests()] == [Close()] * 3


async def test_a_dry_run_says_so_everywhere(world: World) -> None:
    await world.configure(accounts=(make_account("main"), make_account("pretend", mode=ExecutionMode.DRY_RUN)))
    reply = await world.answer({"dryRun": True})
    assert reply.answer.dry_run
    assert reply.answer.message.endswith("(DRY RUN)")
    assert (await read_verdict(world)).verdict == "dry_run"
    await world.answer()
    assert [request.dry_run for request in await world.read_requests()] == [True, True, False, True]


async def test_a_waiting_hook_is_told_the_result(world: World) -> None:
    await world.configure(hook=WAITING)
    world.door.settles_as = RequestStatus.FILLED
    reply = await world.answer()
    assert (reply.status_code, reply.answer.status, reply.answer.successful) == (200, "done", 3)
    assert {(result.quantity, result.quantity_unit) for result in reply.answer.results} == {("0.1", "contracts")}


async def test_the_answer_to_a_young_alert_needs_no_database(world: World) -> None:
    await world.configure(hook=WAITING)
    call = asyncio.create_task(world.answer())
    await world.door.asked.wait()
    # Only the desks know these orders, so their ids can come from nowhere else.
    venue_ids = [world.door.place(request_id) for request_id in world.door.states]
    for request_id in list(world.door.states):
        world.door.settle(request_id, RequestStatus.FILLED)
    reply = await call
    assert [result.venue_order_id for result in reply.answer.results] == venue_ids


@pytest.mark.parametrize(
    ("statuses", "strict", "status", "code"),
    [
        ("denied denied denied", False, "denied", 200),
        ("denied denied denied", True, "denied", 422),
        ("denied rejected expired", False, "failed", 200),
        ("denied rejected expired", True, "failed", 422),
        ("filled denied rejected", False, "partial", 200),
        ("filled denied rejected", True, "partial", 207),
        ("filled accepted skipped", True, "done", 200),
        ("filled denied unknown", True, "accepted", 202),
    ],
)
async def test_w13_every_account_is_counted_once_and_has_its_reason(
    world: World,
    *,
    statuses: str,
    strict: bool,
    status: str,
    code: int,
) -> None:
    await world.configure(hook=msgspec.structs.replace(WAITING, strict_status=strict))
    call = asyncio.create_task(world.answer())
    await world.door.asked.wait()
    for request_id, result in zip(list(world.door.states), statuses.split(), strict=True):
        world.door.settle(request_id, RequestStatus(result), reason_code=f"why_{result}", message="venue's own text")
    reply = await call
    assert (reply.answer.status, reply.status_code) == (status, code)
    assert reply.answer.successful + reply.answer.failed + reply.answer.pending == 3
    assert [(result.status, result.reason_code, result.message) for result in reply.answer.results] == [
        (result, f"why_{result}", "venue's own text") for result in statuses.split()
    ]


async def test_a_waiting_hook_is_answered_at_the_deadline_whatever_the_venue_does(world: World) -> None:
    world.wait_ms = 20
    await world.restart()
    await world.configure(hook=WAITING)
    reply = await world.answer()
    assert (reply.status_code, reply.answer.status, reply.answer.pending) == (202, "accepted", 3)


async def test_a_stale_alert_is_stored_and_answered_but_asks_for_nothing(world: World) -> None:
    told = {"alertTime": START_MS - 61_000}
    reply = await world.answer(told)
    assert (reply.status_code, reply.answer.status) == (200, "stale")
    assert "61000 ms old, at most 60000 ms allowed" in reply.answer.message
    assert (reply.answer.failed, reply.answer.pending) == (3, 0)
    assert (await read_verdict(world)).verdict == "stale"
    assert await world.read_requests() == []
    again = await world.answer(told)
    assert (again.answer.status, again.answer.results) == ("stale", reply.answer.results)
    # Its own limit may only be the stricter one.
    assert (await world.answer(told | {"maxLagSeconds": 62, "alertId": "a"})).answer.status == "stale"
    assert (await world.answer({"alertTime": START_MS - 6_000, "maxLagSeconds": 5})).answer.status == "stale"
    assert (await world.answer({"alertTime": START_MS - 60_000})).answer.status == "accepted"


async def test_an_alert_from_the_future_is_refused_and_a_clock_a_little_ahead_is_told(world: World) -> None:
    refused = await world.refuse({"alertTime": START_MS + 301_000})
    assert (refused.status_code, refused.details[0].field) == (400, "alertTime")
    assert "301 s in the future" in refused.details[0].rule
    told = await world.answer({"alertTime": START_MS + 61_000, "alertId": "a"})
    assert "61 s ahead" in " ".join(told.answer.warnings)
    assert (await world.answer({"alertTime": START_MS + 60_000, "alertId": "b"})).answer.warnings == ()


async def test_a_stale_close_follows_the_policy_of_the_hook(world: World) -> None:
    old = CLOSE | {"alertTime": START_MS - 3_600_000}
    await world.configure(hook=make_hook(stale_close_passes=True))
    assert (await world.answer(old)).answer.status == "accepted"
    (request, *_) = await world.read_requests()
    assert request.valid_until_ms == START_MS + 60_000
    await world.configure(hook=make_hook(stale_close_passes=False))
    assert (await world.answer(old | {"alertId": "x"})).answer.status == "stale"


async def test_a_request_ends_when_its_alert_is_too_old_and_a_fast_clock_gains_nothing(world: World) -> None:
    await world.answer({"alertTime": START_MS - 50_000, "accounts": ["main"]})
    await world.answer({"alertTime": START_MS + 50_000, "accounts": ["main"]})
    await world.answer({"alertTime": START_MS, "maxLagSeconds": 5, "accounts": ["main"]})
    ends = [request.valid_until_ms - START_MS for request in await world.read_requests()]
    assert ends == [10_000, 60_000, 5_000]


async def test_a_hook_that_is_revoked_before_its_alert_is_handled_does_not_trade(world: World) -> None:
    call = asyncio.create_task(world.send())
    await asyncio.sleep(0)
    await world.configure(hook=make_hook(enabled=False))
    await call
    verdict = await read_verdict(world)
    assert (verdict.verdict, verdict.reason_code) == ("denied", "source_disabled")
    assert await world.read_requests() == []


async def test_beyond_the_backlog_a_sender_is_asked_to_slow_down(world: World) -> None:
    world.door.unfinished_max = 5
    await world.answer()
    await world.settle_down()
    refusal = await world.refuse({"qty": 2})
    assert (refusal.status_code, refusal.retry_after_s) == (429, 5)
    for request_id in list(world.door.states):
        world.door.settle(request_id, RequestStatus.FILLED)
    await world.answer({"qty": 2})


async def test_w01_a_fault_after_the_alert_is_stored_is_reported_and_the_sender_is_told_accepted(world: World) -> None:
    for hook in (make_hook(), WAITING):
        await world.configure(hook=hook)
        world.door.fault = RuntimeError("a bug")
        reply = await world.answer({"alertId": hook.response_mode.value})
        assert (reply.status_code, reply.answer.status, reply.answer.pending) == (202, "accepted", 3)
        await world.settle_down()
        assert str(world.faults[-1][1]) == "a bug"
    world.door.fault = None
    assert await world.restart() == 2
    assert len(await world.read_requests()) == 6


@pytest.mark.parametrize("hook", [make_hook(), WAITING], ids=["ack", "wait"])
@pytest.mark.parametrize("age_ms", [0, 10 * CONTENT_WINDOW_MS])
async def test_a_repeat_whose_first_cannot_be_read_is_told_accepted_with_one_warning(
    world: World, hook: Hook, age_ms: int
) -> None:
    await world.configure(hook=hook)
    world.door.settles_as = RequestStatus.FILLED
    first = await world.answer({"alertId": "once"})
    await world.settle_down()
    # Beyond this window only the journal knows that there was one.
    world.clock.advance_ms(age_ms)
    await world.restart()
    world.reader.is_away = True
    with capture_logs() as logs:
        reply = await world.answer({"alertId": "once"})
    assert reply.answer.duplicate_of == ("unknown" if age_ms else first.answer.request_id)
    assert (reply.status_code, reply.answer.status) == (200, "accepted")
    (line,) = logs
    assert (line["log_level"], line["error"]) == ("warning", "OperationalError")
    assert "is stored and is handled" in line["then"]
    assert world.faults == []
    world.reader.is_away = False
    again = await world.answer({"alertId": "once"})
    assert again.answer.duplicate_of == first.answer.request_id
    assert (len(reply.answer.results), len(again.answer.results)) == (0, 3)
    assert len(await world.read_requests()) == 3


async def test_a_database_that_is_away_is_told_apart_from_a_fault(tmp_path: Path) -> None:
    store = Store(clean_sqlite(tmp_path))
    (tmp_path / "fairlead.sqlite3").unlink()
    with pytest.raises(UnreadableError, match="OperationalError"):
        await StoredAlerts(store).find_alert(TENANT, "alert")
    await store.close()
    await end_of_connections()


async def end_of_connections() -> None:
    """Wait for the threads of connections that could not be opened: each still tells this loop that it ends."""
    for thread in threading.enumerate():
        if "connection_worker" in thread.name:
            await asyncio.to_thread(thread.join, THREAD_END_S_MAX)


async def test_an_alert_that_was_stored_but_not_handled_is_taken_up_at_the_next_start_and_only_then(
    world: World,
) -> None:
    world.door.refusals = 1_000
    reply = await world.answer({"slPrice": 1})
    assert await world.read_events(AlertHandled) == []
    world.clock.advance_ms(30_000)
    assert await world.restart() == 1
    requests = await world.read_requests()
    assert {request.cause for request in requests} == {reply.answer.request_id}
    assert {request.valid_until_ms for request in requests} == {START_MS + 60_000}
    assert await world.restart() == 0
    assert len(await world.read_requests()) == 3


async def test_an_alert_whose_hook_is_gone_at_the_next_start_is_denied(world: World) -> None:
    world.door.refusals = 1_000
    await world.answer()
    world.hook = make_hook(hook_id="another")
    await world.restart()
    verdict = await read_verdict(world)
    assert (verdict.verdict, verdict.reason_code) == ("denied", "source_disabled")


async def test_a_store_that_refuses_the_verdict_is_asked_again(world: World) -> None:
    world.door.refusals = 2
    await world.answer()
    await world.clock.run_ms(1_000)
    assert len(await world.read_requests()) == 3


async def test_an_answer_can_be_asked_for_later_by_its_own_tenant_and_hook_only(world: World) -> None:
    reply = await world.answer()
    alert_id = reply.answer.request_id
    for _ in range(2):
        found = await world.intake.find_answer(TENANT, alert_id)
        assert found is not None
        assert (found.status_code, found.answer.pending) == (202, 3)
        assert await world.intake.find_answer(TENANT, alert_id, hook_id="hook-1") is not None
        assert await world.intake.find_answer(TENANT, alert_id, hook_id="hook-2") is None
        assert await world.intake.find_answer("evil", alert_id) is None
        assert await world.intake.find_answer(TENANT, "0" * 27) is None
        await world.settle_down()


async def test_an_answer_from_before_a_restart_is_read_from_the_store(world: World) -> None:
    reply = await world.answer()
    stale = await world.answer({"alertTime": START_MS - 61_000})
    await world.settle_down()
    await world.restart()
    found = await world.intake.find_answer(TENANT, reply.answer.request_id)
    assert found is not None
    assert [(result.account, result.status) for result in found.answer.results] == [
        ("main", "queued"),
        ("second", "queued"),
        ("third", "queued"),
    ]
    found = await world.intake.find_answer(TENANT, stale.answer.request_id)
    assert found is not None
    assert (found.status_code, found.answer.status) == (200, "stale")


async def test_a_refused_alert_names_its_accounts_warnings_and_age_also_after_a_restart(world: World) -> None:
    sent = await world.answer({"alertTime": START_MS - 61_000, "comment": "x", "dryRun": True})
    await world.settle_down()
    await world.restart()

    found = await world.intake.find_answer(TENANT, sent.answer.request_id)

    assert found is not None
    assert found.answer.results == sent.answer.results
    assert [result.account for result in found.answer.results] == ["main", "second", "third"]
    assert found.answer.warnings == sent.answer.warnings
    assert found.answer.message == sent.answer.message


async def test_what_the_sender_believes_to_hold_goes_to_the_desk(world: World) -> None:
    await world.answer({"prevMarketPosition": "short", "accounts": ["main"]})
    (request,) = await world.read_requests()
    assert request.expected_position is TargetPosition.SHORT


async def test_w16_equal_wishes_in_any_form_make_equal_requests(world: World) -> None:
    await world.answer({"alertId": "1", "accounts": ["main"]})
    await world.answer(
        {"alertId": 2, "accounts": ["main"], "qty": 0.1, "side": "BUY", "type": "Perps", "symbol": "OKX:btcusdt.p"}
        | {"exchange": "OKX", "marginMode": "Cross", "leverage": "5"}
    )
    one, other = await world.read_requests()
    names = {"request_id", "cause", "cause_at_ms"}
    assert {name: value for name, value in msgspec.structs.asdict(one).items() if name not in names} == {
        name: value for name, value in msgspec.structs.asdict(other).items() if name not in names
    }


async def test_a_body_that_is_no_json_is_refused(world: World) -> None:
    refusal = await world.send(raw=b"buy BTC")
    assert getattr(refusal, "status_code", 0) == 400
    assert ALERT["authToken"] == TOKEN
