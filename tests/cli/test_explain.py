from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from typer.testing import Result

from fairlead.core.model import events as ev
from fairlead.core.model.state import AlertState, RequestState, RequestStatus
from fairlead.orders.facts import account_fact
from fairlead.ports import Committed, Fact, Unit
from fairlead.store.journal import StoredJournal
from tests.reporting import evidence as given


@pytest.fixture(name="told")
def _told(folder: Path, run: Callable[..., Result]) -> None:
    """A data folder whose journal holds one alert of alice that filled on one account."""
    run("user", "add", "t1", "--generate")
    asyncio.run(_write(folder))


async def _write(folder: Path) -> None:
    journal = await StoredJournal.open(f"sqlite:///{folder / 'fairlead.sqlite3'}", on_death=lambda error: None)
    alert = AlertState(
        alert_id="alert-1",
        tenant="t1",
        hook_id="hook-1",
        duplicate_key="hook-1:bar-17",
        explicit_key=True,
        received_ms=given.T0,
        verdict="accepted",
        request_ids=("req-net",),
    )
    facts = [
        Fact(
            tenant="t1",
            stream="hook:hook-1",
            cause="alert-1",
            at_ms=given.T0,
            event=replace(given.received(), duplicate_key=alert.duplicate_key),
            key=alert.duplicate_key,
        ),
        Fact(
            tenant="t1",
            stream="hook:hook-1",
            cause="alert-1",
            at_ms=given.T0 + 1,
            event=given.handled(),
            key="alert-1",
        ),
    ]
    events: tuple[ev.AccountEvent, ...] = (
        ev.OrderRequested(request=given.request("net")),
        given.approved("net"),
        given.accepted("net"),
        given.fill("net", "t-1", "8.33", "60000", is_last=True),
    )
    facts += [
        account_fact(tenant="t1", account_id="acc-net", cause="alert-1", at_ms=given.T0 + 2, event=event)
        for event in events
    ]
    request = RequestState(request=given.request("net"), status=RequestStatus.FILLED, order_ids=("ord-net",))
    outcome = await journal.commit(Unit(facts=tuple(facts), states=(alert, request, given.order("net"))))
    assert isinstance(outcome, Committed)
    await journal.close()


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("subject", ["alert-1", "req-net", "ord-net"])
def test_an_alert_a_request_and_an_order_are_explained(subject: str, run: Callable[..., Result]) -> None:
    text = run("explain", subject).stdout
    assert "Alert alert-1" in text
    assert "BTCUSDT.P is BTC-USDT-SWAP" in text
    assert "FILLED 8.33 contracts" in text


@pytest.mark.usefixtures("told")
def test_a_program_reads_the_same(ask: Callable[..., Any]) -> None:
    explanation = ask("explain", "alert-1")
    assert explanation["totals"]["successful"] == 1
    assert explanation["accounts"][0]["orders"][0]["fills"][0]["price"] == "60000"


@pytest.mark.usefixtures("told")
def test_an_unknown_id_is_one_sentence_and_exit_code_1(run: Callable[..., Result]) -> None:
    result = run("explain", "alert-2", code=1)
    assert not result.stdout
    assert result.stderr == "fairlead: nothing here has the id alert-2: is it the right data folder (--data)?\n"


def test_an_empty_folder_explains_nothing(run: Callable[..., Result]) -> None:
    run("explain", "alert-1", code=1)
