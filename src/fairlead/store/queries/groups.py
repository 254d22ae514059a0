"""Named sets of accounts that a hook may aim at."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import delete, insert, select

from fairlead.store.session import Session, values_of
from fairlead.store.tables import group_members, groups, venue_accounts


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A set of accounts of one tenant; members in order of their ids."""

    group_id: str
    tenant: str
    name: str
    created_ms: int
    account_ids: tuple[str, ...] = ()


class UnknownAccountError(ValueError):
    """A member named for a group is no account of this tenant."""


async def add_group(session: Session, group: Group) -> None:
    """Add a group with its members.

    Raises:
        UnknownAccountError: a member is no account of this tenant.
        sqlalchemy.exc.IntegrityError: the name is taken in this tenant.
    """
    values = msgspec.structs.asdict(group)
    del values["account_ids"]
    await session.execute(insert(groups), [values])
    await _add_members(session, group.group_id, group.account_ids)


async def set_members(session: Session, group_id: str, account_ids: Sequence[str]) -> bool:
    """Replace the members of a group; False when there is no such group.

    Raises:
        UnknownAccountError: a member is no account of this tenant.
    """
    query = select(groups.c.group_id).where(groups.c.tenant == session.tenant, groups.c.group_id == group_id)
    if await session.fetch_one(query) is None:
        return False
    await session.execute(
        delete(group_members).where(group_members.c.tenant == session.tenant, group_members.c.group_id == group_id),
    )
    await _add_members(session, group_id, account_ids)
    return True


async def remove_group(session: Session, group_id: str) -> bool:
    """Forget a group; its accounts stay. False when there is no such group."""
    query = delete(groups).where(groups.c.tenant == session.tenant, groups.c.group_id == group_id)
    return (await session.execute(query)).rowcount > 0


async def list_groups(session: Session) -> Sequence[Group]:
    """All groups of the tenant, by name."""
    query = select(groups).where(groups.c.tenant == session.tenant).order_by(groups.c.name)
    members = await session.fetch_all(
        select(group_members)
        .where(group_members.c.tenant == session.tenant)
        .order_by(group_members.c.group_id, group_members.c.account_id),
    )
    by_group: dict[str, list[str]] = {}
    for row in members:
        by_group.setdefault(row.group_id, []).append(row.account_id)
    return [
        Group(account_ids=tuple(by_group.get(row.group_id, ())), **values_of(row))
        for row in await session.fetch_all(query)
    ]


async def list_all_groups(system: Session) -> Sequence[Group]:
    """All groups of every tenant, by tenant and name; needs a system session."""
    members = await system.fetch_all(select(group_members).order_by(group_members.c.account_id))
    by_group: dict[str, list[str]] = {}
    for row in members:
        by_group.setdefault(row.group_id, []).append(row.account_id)
    return [
        Group(account_ids=tuple(by_group.get(row.group_id, ())), **values_of(row))
        for row in await system.fetch_all(select(groups).order_by(groups.c.tenant, groups.c.name))
    ]


# The foreign key alone would take an account of another tenant.
async def _add_members(session: Session, group_id: str, account_ids: Sequence[str]) -> None:
    wanted = sorted(set(account_ids))
    query = select(venue_accounts.c.account_id).where(
        venue_accounts.c.tenant == session.tenant,
        venue_accounts.c.account_id.in_(wanted),
    )
    known = {row.account_id for row in await session.fetch_all(query)}
    if missing := [account_id for account_id in wanted if account_id not in known]:
        raise UnknownAccountError(f"no account {missing[0]} in this tenant")
    if wanted:
        rows = [{"group_id": group_id, "account_id": one, "tenant": session.tenant} for one in wanted]
        await session.execute(insert(group_members), rows)
