from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from fairlead.core.model.order import OrderStatus
from fairlead.core.model.state import RequestStatus
from fairlead.store.journal import StoredJournal
from fairlead.store.queries import states
from fairlead.store.session import Store
from tests.servers.clean import on_every_database
from tests.store.samples import (
    ACCOUNT,
    AT_MS,
    TENANT,
    make_alert,
    make_balance,
    make_order,
    make_position,
    make_request_state,
    note,
    unit,
)

OTHER = "other"


@on_every_database
async def test_start_up_finds_what_is_open_of_every_tenant(store: Store, journal: StoredJournal) -> None:
    mine, theirs = make_order("o1"), make_order("o3", tenant=OTHER)
    done = make_order("o2", status=OrderStatus.FILLED)
    waiting = make_request_state("r1")
    final = msgspec.structs.replace(make_request_state("r2"), status=RequestStatus.DENIED)
    more_to_plan = msgspec.structs.replace(make_request_state("r3"), status=RequestStatus.ACCEPTED, more=True)
    everything = (mine, done, theirs, waiting, final, more_to_plan, make_position(), make_balance(tenant=OTHER))
    await journal.commit(unit(note(), states=everything))

    async with store.system_session() as system:
        assert await states.load_open_orders(system) == [mine, theirs]
        assert await states.load_open_orders(system, "nobody") == []
        assert await states.load_pending_requests(system, ACCOUNT) == [waiting, more_to_plan]
        assert await states.load_positions(system) == [make_position()]
        assert await states.load_balances(system) == [make_balance(tenant=OTHER)]
    async with store.session(TENANT) as session:
        assert await states.load_open_orders(session, ACCOUNT) == [mine]
        assert await states.load_balances(session) == []
        assert await states.find_order(session, "o2") == done
        assert await states.find_order(session, "o3") is None
        assert await states.load_orders(session, ["o2", "o1", "o3", "o9"]) == [mine, done]
        assert await states.find_request(session, "r2") == final
        assert await states.load_requests_of(session, "a1") == [waiting, final, more_to_plan]


@on_every_database
async def test_alerts_are_found_by_their_time(store: Store, journal: StoredJournal) -> None:
    alerts = [make_alert(f"{AT_MS + ms:011x}{ms:016x}", received_ms=AT_MS + ms) for ms in range(0, 50, 10)]
    await journal.commit(unit(note(), states=alerts))

    async with store.session(TENANT) as session:
        assert await states.load_alerts_since(session, AT_MS + 20) == alerts[2:]
        assert await states.load_alerts_since(session, AT_MS + 21) == alerts[3:]
        assert await states.find_alert(session, alerts[1].alert_id) == alerts[1]
        newest = await states.load_recent_alerts(session, 2)
        assert newest == [alerts[4], alerts[3]]
        assert await states.load_recent_alerts(session, 2, before=newest[-1].alert_id) == [alerts[2], alerts[1]]
        assert await states.load_recent_orders(session, 2) == []


# SQLite by nature: the plan is its own.
def test_open_and_pending_rows_are_found_through_their_small_indices(url: str, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for table, flag in (("orders", "is_open"), ("requests", "is_pending")):
            plan = connection.execute(f"EXPLAIN QUERY PLAN SELECT body FROM {table} WHERE {flag} = 1").fetchall()
            assert any(f"{table}_{'open' if flag == 'is_open' else 'pending'}" in row[3] for row in plan), plan
