from __future__ import annotations

from fairlead.core.model import events as ev
from fairlead.core.model.account import PositionMode, PositionSide
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
    replay, live = Replay(INSTRUMENTS), make_book()
    replay.fold(TENANT, adopted)
    for fact in facts:
        assert replay.fold(TENANT, fact) == feed(live, fact)
    book = replay.books[ACCOUNT]
    assert book.balances == live.balances
    assert book.positions[LINEAR, PositionSide.NET].quantity == D(10)


def test_accounts_and_tenants_are_kept_apart() -> None:
    replay = Replay(INSTRUMENTS)
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
