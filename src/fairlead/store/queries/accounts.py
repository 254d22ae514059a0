"""Venue accounts as they are configured."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy import Row, delete, insert, select, update

from fairlead.core.model.account import FeeRates, VenueAccount
from fairlead.store.session import Session, values_of
from fairlead.store.tables import venue_accounts

_JSON: Final = {"opening_balances": dict[str, Decimal], "fee_rates": FeeRates}


async def add_account(session: Session, account: VenueAccount, *, created_ms: int) -> None:
    """Add an account.

    Raises:
        sqlalchemy.exc.IntegrityError: the label is taken in this tenant.
    """
    await session.execute(insert(venue_accounts), [_write(account) | {"created_ms": created_ms}])


async def save_account(session: Session, account: VenueAccount) -> bool:
    """Replace what is configured of an account; False when there is none with this id."""
    values = _write(account)
    query = update(venue_accounts).where(
        venue_accounts.c.tenant == session.tenant,
        venue_accounts.c.account_id == account.account_id,
    )
    return (await session.execute(query.values(**values))).rowcount > 0


async def remove_account(session: Session, account_id: str) -> bool:
    """Forget an account and its memberships; False when there is none with this id."""
    query = delete(venue_accounts).where(
        venue_accounts.c.tenant == session.tenant,
        venue_accounts.c.account_id == account_id,
    )
    return (await session.execute(query)).rowcount > 0


async def list_accounts(session: Session) -> Sequence[VenueAccount]:
    """All accounts of the tenant, by label."""
    query = select(venue_accounts).where(venue_accounts.c.tenant == session.tenant)
    return [_read(row) for row in await session.fetch_all(query.order_by(venue_accounts.c.label))]


async def find_account(session: Session, account_id: str) -> VenueAccount | None:
    """One account of the tenant by id."""
    query = select(venue_accounts).where(
        venue_accounts.c.tenant == session.tenant,
        venue_accounts.c.account_id == account_id,
    )
    row = await session.fetch_one(query)
    return None if row is None else _read(row)


async def find_account_by_label(session: Session, label: str) -> VenueAccount | None:
    """One account of the tenant by the name people use."""
    query = select(venue_accounts).where(venue_accounts.c.tenant == session.tenant, venue_accounts.c.label == label)
    row = await session.fetch_one(query)
    return None if row is None else _read(row)


async def list_all_accounts(system: Session) -> Sequence[VenueAccount]:
    """All accounts of every tenant, by tenant and label; needs a system session."""
    query = select(venue_accounts).order_by(venue_accounts.c.tenant, venue_accounts.c.label)
    return [_read(row) for row in await system.fetch_all(query)]


def _write(account: VenueAccount) -> dict[str, Any]:
    values = msgspec.structs.asdict(account)
    return values | {name: msgspec.json.encode(values[name]).decode() for name in _JSON}


def _read(row: Row[Any]) -> VenueAccount:
    values = values_of(row)
    for name, kind in _JSON.items():
        values[name] = msgspec.json.decode(values[name], type=kind)
    del values["created_ms"]
    return msgspec.convert(values, VenueAccount, strict=False)
