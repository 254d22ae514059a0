"""Sealed values: the keys of venue accounts, and every sealed field of every table, for whoever seals them anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Row, delete, insert, select, update

from fairlead.ports import SealedPlace
from fairlead.store.session import Session, values_of
from fairlead.store.tables import is_sealed, key_names, metadata, venue_keys

_COMMA: Final = ","


class KeyPermission(StrEnum):
    """What a venue lets a key do; keys that may withdraw are not kept."""

    READ_ONLY = "read_only"
    TRADE = "trade"


class VenueKeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """The key of one venue account; three sealed values, and what may be shown of it.

    ``fingerprint``: 8 bytes that tell two keys apart.
    """

    account_id: str
    tenant: str
    api_key: bytes
    api_secret: bytes
    passphrase: bytes
    fingerprint: bytes
    permissions: tuple[KeyPermission, ...]
    created_ms: int

    def __repr__(self) -> str:
        """Name it without what is sealed."""
        return f"VenueKeyRow({self.account_id!r})"


class SealedValue(msgspec.Struct, frozen=True, kw_only=True):
    """One sealed value and where it belongs."""

    place: SealedPlace
    sealed: bytes


def venue_key_place(tenant: str, account_id: str, field: str) -> SealedPlace:
    """Where a part of a venue account's key belongs."""
    assert is_sealed(venue_keys.c[field]), field
    return SealedPlace(tenant=tenant, table=venue_keys.name, row_id=account_id, field=field)


async def save_venue_key(session: Session, row: VenueKeyRow) -> None:
    """Keep an account's key, in place of the one it had.

    Raises:
        sqlalchemy.exc.IntegrityError: another account has this key.
    """
    await remove_venue_key(session, row.account_id)
    values = msgspec.structs.asdict(row) | {"permissions": _COMMA.join(row.permissions)}
    await session.execute(insert(venue_keys), [values])


async def remove_venue_key(session: Session, account_id: str) -> bool:
    """Forget an account's key; False when it had none."""
    query = delete(venue_keys).where(venue_keys.c.tenant == session.tenant, venue_keys.c.account_id == account_id)
    return (await session.execute(query)).rowcount > 0


async def find_venue_key(session: Session, account_id: str) -> VenueKeyRow | None:
    """The key of one account of the tenant."""
    query = select(venue_keys).where(venue_keys.c.tenant == session.tenant, venue_keys.c.account_id == account_id)
    row = await session.fetch_one(query)
    return None if row is None else _read(row)


async def find_venue_key_by_fingerprint(system: Session, fingerprint: bytes) -> VenueKeyRow | None:
    """Whoever has this key already, in whatever tenant; needs a system session."""
    row = await system.fetch_one(select(venue_keys).where(venue_keys.c.fingerprint == fingerprint))
    return None if row is None else _read(row)


async def list_all_venue_keys(system: Session) -> Sequence[VenueKeyRow]:
    """The keys of all accounts of every tenant; needs a system session."""
    found = await system.fetch_all(select(venue_keys).order_by(venue_keys.c.tenant, venue_keys.c.account_id))
    return [_read(row) for row in found]


async def list_sealed(system: Session) -> Sequence[SealedValue]:
    """Every sealed value of every table and tenant; needs a system session.

    One for each channel and three for each venue account, so they fit into memory.
    """
    found: list[SealedValue] = []
    for table in metadata.sorted_tables:
        columns = [column for column in table.columns if is_sealed(column)]
        if columns:
            (key,) = key_names(table)
            query = select(table.c.tenant, table.c[key], *columns).order_by(table.c[key])
            rows = map(values_of, await system.fetch_all(query))
            found += [_seal_of(table.name, row, row[key], column.name) for row in rows for column in columns]
    return found


def _seal_of(table: str, row: Mapping[str, Any], row_id: str, field: str) -> SealedValue:
    place = SealedPlace(tenant=row["tenant"], table=table, row_id=row_id, field=field)
    return SealedValue(place=place, sealed=row[field])


async def replace_sealed(system: Session, old: SealedValue, sealed: bytes) -> bool:
    """Put a value that was sealed anew in its place; False when somebody else changed it meanwhile."""
    table = metadata.tables[old.place.table]
    (key,) = key_names(table)
    query = update(table).where(
        table.c.tenant == old.place.tenant,
        table.c[key] == old.place.row_id,
        table.c[old.place.field] == old.sealed,
    )
    return (await system.execute(query.values({old.place.field: sealed}))).rowcount > 0


def _read(row: Row[Any]) -> VenueKeyRow:
    values = values_of(row)
    values["permissions"] = tuple(map(KeyPermission, filter(None, values["permissions"].split(_COMMA))))
    return msgspec.convert(values, VenueKeyRow, strict=False)
