from __future__ import annotations

from msgspec.structs import replace

from fairlead.core.model import events as ev
from fairlead.core.model.account import PositionMode, PositionSide
from fairlead.core.model.request import Side
from fairlead.core.model.state import AlertState, RequestState
from fairlead.core.rules.alert_state import OpenAlerts
from fairlead.core.rules.replay import Replay
from tests.core.rules.trading_world import (
    ACCOUNT,
    INSTRUMENTS,
    LINEAR,
    NOW_MS,
    TENANT,
    D,
    accepted,
    approved,
    feed,
    filled,
    held,
    make_book,
    make_order,
    make_request,
)

RECEIVED = ev.AlertReceived(
    alert_id="alert",
    hook_id="hook",
    duplicate_key="k",
    explicit_key=True,
    body=b"{}",
    content_type="application/json",
    source_address="127.0.0.1",
    received_ms=NOW_MS,
)
HANDLED = ev.AlertHandled(
    alert_id="alert",
    verdict="accepted",
    reason_code="",
    detail="",
    mapping=("", ""),
    warnings=(),
    request_ids=("request",),
    at_ms=NOW_MS,
)
DUPLICATED = ev.AlertDuplicated(
    alert_id="again", hook_id="hook", duplicate_of="alert", source_address="", received_ms=NOW_MS
)


def test_an_alert_is_received_and_then_handled_once() -> None:
    alerts = OpenAlerts()
    (first,) = alerts.apply(RECEIVED, TENANT)
    assert (first.verdict, first.tenant) == ("received", TENANT)
    assert alerts.apply(RECEIVED, TENANT) == []
    assert alerts.apply(DUPLICATED, TENANT) == []
    (last,) = alerts.apply(HANDLED, TENANT)
    assert (last.verdict, last.request_ids, last.duplicate_key) == ("accepted", ("request",), "k")
    assert alerts.apply(HANDLED, TENANT) == []
    assert not alerts.open


def test_a_replay_gives_the_states_of_the_live_book() -> None:
    order = make_order()
    adopted = ev.AccountAdopted(
        tenant=TENANT,
        account_id=ACCOUNT,
        position_mode=PositionMode.NET,
        balances={"USDT": D(10_000)},
        positions=(),
        at_ms=NOW_MS,
    )
    facts: list[ev.AccountEvent] = [
        ev.OrderRequested(request=make_request(LINEAR)),
        approved(order),
        accepted(),
        filled(order, 4),
        filled(order, 6),
    ]
    replay, live = Replay(lambda _: INSTRUMENTS), make_book()
    replay.fold(TENANT, adopted)
    for fact in facts:
        assert replay.fold(TENANT, fact) == feed(live, fact)
    book = replay.books[ACCOUNT]
    assert book.balances == live.balances
    assert book.positions[LINEAR, PositionSide.NET].quantity == D(10)


def test_a_symbol_is_the_contract_of_the_exchange_that_its_account_is_at() -> None:
    larger = replace(INSTRUMENTS[LINEAR], contract_value=INSTRUMENTS[LINEAR].contract_value * 3)
    listed = {"small": INSTRUMENTS, "large": {**INSTRUMENTS, LINEAR: larger}}
    replay = Replay(lambda account_id: listed[account_id])
    for account in listed:
        order = make_order(account_id=account, side=Side.SELL)
        adopted = ev.AccountAdopted(
            tenant=TENANT,
            account_id=account,
            position_mode=PositionMode.NET,
            balances={"USDT": D(10_000)},
            positions=(held(LINEAR, 10),),
            at_ms=NOW_MS,
        )
        request = make_request(LINEAR, account_id=account)
        sold = replace(filled(order, 10, 61_000), account_id=account)
        facts = (adopted, ev.OrderRequested(request=request), approved(order), sold)
        for fact in facts:
            replay.fold(TENANT, fact)
    gained = {account: book.balances["USDT"].total - 10_000 for account, book in replay.books.items()}
    assert gained["small"] > 0
    assert gained["large"] == 3 * gained["small"]


def test_accounts_and_tenants_are_kept_apart() -> None:
    replay = Replay(lambda _: INSTRUMENTS)
    for tenant, account in (("one", "a"), ("two", "b")):
        request = make_request(LINEAR, tenant=tenant, account_id=account, request_id=account)
        (state,) = replay.fold(tenant, ev.OrderRequested(request=request))
        assert isinstance(state, RequestState)
    (alert,) = replay.fold("two", RECEIVED)
    assert isinstance(alert, AlertState)
    assert {name: (book.tenant, list(book.requests)) for name, book in replay.books.items()} == {
        "a": ("one", ["a"]),
        "b": ("two", ["b"]),
    }
