from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from fairlead.backtest.signal_list import Action
from fairlead.core.model.events import OrderRequested
from fairlead.core.model.request import (
    CancelOrders,
    Close,
    Enter,
    Intent,
    OrderRequest,
    SetTarget,
    Side,
    Size,
    SizeUnit,
    SourceKind,
    TargetPosition,
)
from fairlead.orders.facts import account_fact
from fairlead.ports import Committed, Unit
from fairlead.store.journal import StoredJournal
from fairlead.store.migrate import migrate
from fairlead.wiring.alert_signals import signals_of_hook
from tests.reporting import evidence as given

TENTH = Size(amount=Decimal(10), unit=SizeUnit.PERCENT)


def asked(alert: str, minute: int, intent: Intent, account: str = "net", **changes: object) -> OrderRequest:
    request = replace(
        given.request(account),
        request_id=f"{alert}-{account}",
        cause=alert,
        cause_at_ms=given.T0 + minute * 60_000,
        symbol="BTC-USDT",
        intent=intent,
    )
    return replace(request, **changes)


@pytest.fixture(name="url")
def _url(tmp_path: Path) -> str:
    """A journal with four alerts of a hook for two accounts, and requests that are not its."""
    url = f"sqlite:///{tmp_path / 'data' / 'fairlead.sqlite3'}"
    migrate(url)
    requests = [
        asked("a1", 1, Enter(side=Side.BUY, size=TENTH)),
        asked("a1", 1, Enter(side=Side.BUY, size=TENTH), "other"),
        asked("a2", 2, SetTarget(target=TargetPosition.SHORT, size=TENTH)),
        asked("a3", 3, Close()),
        asked("a4", 4, CancelOrders()),
        asked("a5", 5, Enter(side=Side.SELL, size=TENTH), source_id="hook-2"),
        asked("b1", 6, Enter(side=Side.SELL, size=TENTH), source_kind=SourceKind.BOT),
    ]
    asyncio.run(_write(url, requests))
    return url


async def _write(url: str, requests: list[OrderRequest]) -> None:
    journal = await StoredJournal.open(url, on_death=lambda error: None)
    facts = tuple(
        account_fact(
            tenant="t1",
            account_id=one.account_id,
            cause=one.cause,
            at_ms=one.cause_at_ms,
            event=OrderRequested(request=one),
        )
        for one in requests
    )
    assert isinstance(await journal.commit(Unit(facts=facts)), Committed)
    await journal.close()


def test_each_alert_of_the_hook_is_one_signal_however_many_accounts_it_was_for(url: str) -> None:
    signals = signals_of_hook(url, "t1", "hook-1")
    assert [((one.at_ms - given.T0) // 60_000, one.action, one.size) for one in signals] == [
        (1, Action.BUY, TENTH),
        (2, Action.SHORT, TENTH),
        (3, Action.CLOSE, None),
    ]


def test_alerts_of_another_tenant_are_nobody_elses(url: str) -> None:
    assert signals_of_hook(url, "t2", "hook-1") == []
