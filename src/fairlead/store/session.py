"""Database sessions that fail closed: a tenant's rows are read and written only in a session of that tenant."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import Connection, Engine, Executable, Select, Table, event, update
from sqlalchemy.engine import CursorResult, Row
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ClauseElement, visitors
from sqlalchemy.sql.dml import Delete, Insert, Update, UpdateBase
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, BooleanClauseList, TextClause
from sqlalchemy.sql.operators import and_, eq
from sqlalchemy.sql.schema import Column
from sqlalchemy.sql.selectable import CTE, FromClause, Join, Subquery

from fairlead.store import engines
from fairlead.store.tables import config_version, is_config_table, is_tenant_table

# The tenant of a system session: start-up and the command line, which see everybody.
SYSTEM: Final = "*"

Rows = Sequence[Mapping[str, Any]]


class TenantError(RuntimeError):
    """A statement would have touched rows of a tenant that the session is not for."""


class ReadOnlySessionError(RuntimeError):
    """A session opened for reading was asked to write."""


class Session:
    """One transaction of one tenant; statements are checked before they reach the database."""

    def __init__(self, connection: AsyncConnection, tenant: str) -> None:
        """Join an open transaction."""
        self._connection = connection
        self.tenant = tenant

    async def execute(self, statement: Executable, rows: Rows | None = None) -> CursorResult[Any]:
        """Run a statement, or one INSERT for many rows.

        Raises:
            TenantError: it reaches beyond the session's tenant.
            ReadOnlySessionError: it writes in a session for reading.
            sqlalchemy.exc.DBAPIError: the database refused.
        """
        return await self._connection.execute(statement, rows)

    async def fetch_all(self, statement: Executable) -> Sequence[Row[Any]]:
        """Run a query and read every row."""
        return (await self.execute(statement)).all()

    async def fetch_one(self, statement: Executable) -> Row[Any] | None:
        """Run a query and read its first row, if there is one."""
        return (await self.execute(statement)).first()


def values_of(row: Row[Any]) -> dict[str, Any]:
    """Name the values of a row by their columns, with plain text for names."""
    return {str(name): value for name, value in row._asdict().items()}


class Store:
    """The way to every table but the journal's writing side; one per process, closed at the end."""

    def __init__(self, url: str) -> None:
        """Prepare connections; nothing is opened yet.

        Raises:
            UnsupportedDatabaseError: not a database for us.
        """
        self._engine = engines.make_engine(url)
        guard_tenants(self._engine.sync_engine)

    async def close(self) -> None:
        """Close all connections."""
        await self._engine.dispose()

    @asynccontextmanager
    async def session(self, tenant: str, *, writes: bool = False) -> AsyncIterator[Session]:
        """Open one short transaction for a tenant; it is committed at the end, or rolled back by an exception.

        Raises:
            TenantError: no tenant was named.
        """
        if not tenant or tenant == SYSTEM:
            raise TenantError("a session needs a tenant; start-up and the command line use system_session")
        async with self._open(tenant, writes=writes) as session:
            yield session

    @asynccontextmanager
    async def system_session(self, *, writes: bool = False) -> AsyncIterator[Session]:
        """Open one short transaction that sees every tenant: for start-up, sign-in and the command line only."""
        async with self._open(SYSTEM, writes=writes) as session:
            yield session

    @asynccontextmanager
    async def _open(self, tenant: str, *, writes: bool) -> AsyncIterator[Session]:
        async with self._engine.connect() as connection:
            await connection.execution_options(**{engines.TENANT: tenant, engines.WRITES: writes})
            async with connection.begin():
                yield Session(connection, tenant)


def guard_tenants(engine: Engine) -> None:
    """Check every statement on its way to the database: it must stay with the tenant of its connection."""
    event.listen(engine, "before_execute", _check_statement)


def _check_statement(
    connection: Connection,
    statement: Any,  # noqa: ANN401
    many: Rows,
    one: Mapping[str, Any],
    _options: Mapping[str, Any],
) -> None:
    if not isinstance(statement, ClauseElement):
        return
    options = connection.get_execution_options()
    tenant = options.get(engines.TENANT, "")
    if isinstance(statement, UpdateBase) and not options.get(engines.WRITES, False):
        raise ReadOnlySessionError("this session only reads; open it with writes=True")
    if tenant != SYSTEM:
        _check_tenant(statement, tenant, many or ([one] if one else []))
    if isinstance(statement, Insert | Update | Delete) and is_config_table(statement.table):  # type: ignore[arg-type]
        connection.execute(update(config_version).values(version=config_version.c.version + 1))


def _check_tenant(statement: ClauseElement, tenant: str, rows: Rows) -> None:
    parts = list(visitors.iterate(statement))
    if any(isinstance(part, TextClause) for part in parts):
        raise TenantError("plain SQL cannot be checked for its tenant; use the tables, or a system session")
    checked: set[Table] = set()
    for part in parts:
        if isinstance(part, Select | Update | Delete):
            checked |= _check_part(part, tenant)
        elif isinstance(part, Insert):
            checked |= _check_insert(part, tenant, rows)
    for table in _tenant_tables(parts):
        if table not in checked:
            raise TenantError(f"table {table.name} was touched in a way that cannot be checked for its tenant")


# Every SELECT of a statement is checked by itself: a condition in one half of a UNION says nothing about the other.
def _check_part(part: Select[Any] | Update | Delete, tenant: str) -> set[Table]:
    sources = part.get_final_froms() if isinstance(part, Select) else [part.table]
    touched = {table for source in sources for table in _source_tables(source)}
    guarded = set(_guarded_tables(part.whereclause, tenant))
    for table in touched - guarded:
        raise TenantError(f"table {table.name} needs the condition {table.name}.tenant = {tenant or 'a tenant'}")
    return touched


def _source_tables(source: FromClause) -> Iterator[Table]:
    if isinstance(source, Join):
        yield from _source_tables(source.left)
        yield from _source_tables(source.right)
    elif isinstance(source, Table):
        yield from _tenant_tables([source])
    elif not isinstance(source, Subquery | CTE):
        # A subquery is a SELECT and checked as such; an alias would be a second look at a table under another name.
        for table in _tenant_tables(visitors.iterate(source)):
            raise TenantError(f"table {table.name} was touched in a way that cannot be checked for its tenant")


# Rows beside the statement are plain to see; values inside it could be anything, another SELECT too.
def _check_insert(part: Insert, tenant: str, rows: Rows) -> set[Table]:
    table = part.table
    if not isinstance(table, Table) or not is_tenant_table(table):
        return set()
    if not rows or any(isinstance(child, BindParameter | Select) for child in visitors.iterate(part)):
        raise TenantError(f"write rows of {table.name} with execute(insert(table), [row])")
    if not tenant or any(row.get("tenant") != tenant for row in rows):
        raise TenantError(f"a row of {table.name} must be written with tenant = {tenant or 'a tenant'}")
    return {table}


def _tenant_tables(parts: Iterable[object]) -> Iterator[Table]:
    for part in parts:
        table = part.table if isinstance(part, Column) else part
        if isinstance(table, Table) and is_tenant_table(table):
            yield table


# An equality that stands alone or under AND; inside OR or NOT it would not narrow anything.
def _guarded_tables(clause: object, tenant: str) -> Iterator[Table]:
    if isinstance(clause, BooleanClauseList) and clause.operator is and_:
        for term in clause.clauses:
            yield from _guarded_tables(term, tenant)
    elif isinstance(clause, BinaryExpression) and clause.operator is eq and tenant:
        column, value = clause.left, clause.right
        is_guard = isinstance(column, Column) and column.name == "tenant" and isinstance(column.table, Table)
        if is_guard and isinstance(value, BindParameter) and value.value == tenant:
            yield column.table
