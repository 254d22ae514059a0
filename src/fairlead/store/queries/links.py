"""Where the venues of accounts are, for those that are not in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Row, insert, select

from fairlead.core.model.account import ExecutionMode
from fairlead.store.link_tables import venue_links
from fairlead.store.session import Session, values_of


class VenueLink(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses of one account's venue; ``environment`` is live or demo, and stays when the account's mode goes down.

    ``socket_url`` ends before ``/public``, ``/private`` and ``/business``. Both are empty where a library knows them.
    """

    account_id: str
    tenant: str
    environment: ExecutionMode
    rest_url: str
    socket_url: str


async def add_link(session: Session, link: VenueLink) -> None:
    """Note where an account's venue is.

    Raises:
        sqlalchemy.exc.IntegrityError: it has one already.
    """
    await session.execute(insert(venue_links), [msgspec.structs.asdict(link)])


async def find_link(session: Session, account_id: str) -> VenueLink | None:
    """Where the venue of an account of the tenant is; None for one in our own process."""
    query = select(venue_links).where(venue_links.c.tenant == session.tenant, venue_links.c.account_id == account_id)
    row = await session.fetch_one(query)
    return None if row is None else _read(row)


async def list_all_links(system: Session) -> Mapping[str, VenueLink]:
    """By account id, for every tenant; needs a system session."""
    return {row.account_id: _read(row) for row in await system.fetch_all(select(venue_links))}


def _read(row: Row[Any]) -> VenueLink:
    return msgspec.convert(values_of(row), VenueLink, strict=False)
