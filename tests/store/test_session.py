"""No statement reaches a tenant's rows without that tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Executable, Table, delete, exists, func, insert, literal_column, or_, select, text, union, update

from fairlead.store.journal import StoredJournal
from fairlead.store.session import ReadOnlySessionError, Session, Store, TenantError
from fairlead.store.tables import alerts, groups, heads, is_tenant_table, metadata, orders, users, venue_accounts
from tests.servers.clean import on_every_database
from tests.store.samples import TENANT, make_order, note, unit

OTHER = "other"
TENANT_TABLES = [table for table in metadata.sorted_tables if is_tenant_table(table)]


@pytest.fixture(name="session")
async def _session(store: Store) -> AsyncIterator[Session]:
    async with store.session(TENANT, writes=True) as session:
        yield session


# What is refused is refused before a database is asked, so one of them will do for the next four tests.
@pytest.mark.parametrize("table", TENANT_TABLES, ids=lambda table: table.name)
async def test_a_tenant_table_cannot_be_read_without_its_tenant(session: Session, table: Table) -> None:
    with pytest.raises(TenantError, match=table.name):
        await session.execute(select(table))
    with pytest.raises(TenantError, match=table.name):
        await session.execute(select(table).where(table.c.tenant == OTHER))

    assert (await session.fetch_all(select(table).where(table.c.tenant == TENANT))) == []


@pytest.mark.parametrize("table", TENANT_TABLES, ids=lambda table: table.name)
async def test_a_tenant_table_cannot_be_changed_without_its_tenant(session: Session, table: Table) -> None:
    for statement in (update(table).values(tenant=TENANT), delete(table), insert(table).values(tenant=TENANT)):
        with pytest.raises(TenantError, match=table.name):
            await session.execute(statement)
    with pytest.raises(TenantError, match=table.name):
        await session.execute(insert(table), [{"tenant": OTHER}])


def test_every_table_with_a_tenant_column_is_a_tenant_table() -> None:
    assert [table for table in metadata.sorted_tables if "tenant" in table.c] == TENANT_TABLES


@pytest.mark.parametrize(
    "statement",
    [
        select(orders).where(or_(orders.c.tenant == TENANT, orders.c.is_open == 1)),
        select(orders).where(~(orders.c.tenant == TENANT)),
        select(orders).where(orders.c.tenant != TENANT),
        select(func.count()).select_from(orders),
        select(orders.c.order_id),
        select(orders.alias()),
        select(orders.alias()).where(orders.c.tenant == TENANT),
        select(orders, alerts).where(orders.c.tenant == TENANT),
        select(orders).join(alerts, alerts.c.tenant == TENANT).where(orders.c.tenant == TENANT),
        union(select(orders.c.order_id).where(orders.c.tenant == TENANT), select(orders.c.order_id)),
        select(heads).where(exists(select(orders.c.order_id))),
        select(heads).where(heads.c.stream.in_(select(orders.c.order_id))),
        select(select(orders).subquery()),
        select(heads, select(func.max(orders.c.order_id)).scalar_subquery()),
        select(orders).where(orders.c.tenant == literal_column("'acme' OR 1=1")),
        select(text("* FROM orders")),
        text("SELECT * FROM orders"),
        insert(users).from_select(["tenant"], select(groups.c.tenant).where(groups.c.tenant == TENANT)),
        update(heads).values(version=select(func.count()).select_from(orders).scalar_subquery()),
        orders.select(),
    ],
    ids=str,
)
async def test_roundabout_ways_are_refused_too(session: Session, statement: Executable) -> None:
    with pytest.raises(TenantError):
        await session.execute(statement)


@on_every_database
async def test_joins_and_nested_reads_with_every_tenant_named_pass(session: Session) -> None:
    joined = (
        select(orders, alerts)
        .join(alerts, alerts.c.alert_id == orders.c.request_id)
        .where(orders.c.tenant == TENANT, alerts.c.tenant == TENANT)
    )
    nested = select(select(orders).where(orders.c.tenant == TENANT).subquery())

    assert await session.fetch_all(joined) == []
    assert await session.fetch_all(nested) == []


@on_every_database
async def test_rows_of_a_batch_are_checked_one_by_one(session: Session) -> None:
    row = {"group_id": "1", "tenant": TENANT, "name": "a", "created_ms": 1}

    with pytest.raises(TenantError, match="groups must be written"):
        await session.execute(insert(groups), [row, row | {"group_id": "2", "tenant": OTHER}])
    await session.execute(insert(groups), [row])


@pytest.mark.parametrize("tenant", ["", "*"])
async def test_a_session_needs_a_tenant(store: Store, tenant: str) -> None:
    with pytest.raises(TenantError, match="needs a tenant"):
        async with store.session(tenant):
            pass


@on_every_database
async def test_a_session_for_reading_does_not_write(store: Store) -> None:
    async with store.session(TENANT) as session:
        with pytest.raises(ReadOnlySessionError):
            await session.execute(delete(groups).where(groups.c.tenant == TENANT))


@on_every_database
async def test_a_system_session_sees_everybody(store: Store, journal: StoredJournal) -> None:
    states = [make_order("o1"), make_order("o2", tenant=OTHER)]
    await journal.commit(unit(note(), states=states))

    async with store.system_session() as session:
        found = await session.fetch_all(select(orders.c.tenant))
        assert {row.tenant for row in found} == {TENANT, OTHER}
        assert (await session.fetch_all(text("SELECT count(*) FROM orders")))[0][0] == 2
    async with store.session(TENANT) as session:
        found = await session.fetch_all(select(orders.c.order_id).where(orders.c.tenant == TENANT))
        assert [row.order_id for row in found] == ["o1"]


@on_every_database
async def test_an_exception_undoes_the_transaction(store: Store) -> None:
    row = {"group_id": "1", "tenant": TENANT, "name": "a", "created_ms": 1}

    async def fail_halfway() -> None:
        async with store.session(TENANT, writes=True) as session:
            await session.execute(insert(groups), [row])
            raise LookupError

    with pytest.raises(LookupError):
        await fail_halfway()
    async with store.session(TENANT) as session:
        assert await session.fetch_all(select(groups).where(groups.c.tenant == TENANT)) == []


# SQLite by nature: these are its own settings, and the start checks those of a server (databases/server.py).
async def test_connections_wait_for_their_turn_and_sync_every_commit(store: Store) -> None:
    async with store.system_session() as session:
        values = {
            name: (await session.fetch_all(text(f"PRAGMA {name}")))[0][0]
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert values == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 10_000, "foreign_keys": 1}


@on_every_database
async def test_configuring_and_appending_at_the_same_time_both_succeed(store: Store, journal: StoredJournal) -> None:
    outcomes = [journal.commit(unit(note())) for _ in range(100)]
    for number in range(10):
        async with store.session(TENANT, writes=True) as session:
            query = select(func.count()).select_from(venue_accounts).where(venue_accounts.c.tenant == TENANT)
            await session.fetch_all(query)
            row = {"group_id": str(number), "tenant": TENANT, "name": str(number), "created_ms": 1}
            await session.execute(insert(groups), [row])
            outcomes.append(journal.commit(unit(note())))
    assert [(await outcome).last_seq for outcome in outcomes] == list(range(1, 111))  # type: ignore[union-attr]
