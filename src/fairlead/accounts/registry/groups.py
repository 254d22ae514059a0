"""Groups: which accounts one alert is for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from fairlead.accounts.registry.naming import Refused, check_name, unknown
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.ids import derive_id
from fairlead.ports import Clock
from fairlead.store.queries import accounts as account_rows
from fairlead.store.queries import groups as rows
from fairlead.store.queries import hooks as hook_rows
from fairlead.store.queries.groups import Group
from fairlead.store.session import Session, Store

DEFAULT_GROUP: Final = "default"


class GroupMembers(msgspec.Struct, frozen=True, kw_only=True):
    """A group and its accounts by the names people use."""

    group: Group
    labels: tuple[str, ...]


class GroupRegistry:
    """Adds, finds and changes groups."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Work on one database."""
        self._store = store
        self._clock = clock

    async def add(self, tenant: str, name: str, accounts: Sequence[str]) -> GroupMembers | Refused:
        """Add a group with these accounts (labels or ids)."""
        async with self._store.session(tenant, writes=True) as session:
            known = await account_rows.list_accounts(session)
            refused = check_name("group name", name) or await _check_free(session, name, known)
            members = pick_accounts(accounts, known)
            if refused is not None:
                return refused
            if isinstance(members, Refused):
                return members
            ids = tuple(account.account_id for account in members)
            group = msgspec.structs.replace(new_group(tenant, name, self._clock.now_ms()), account_ids=ids)
            await rows.add_group(session, group)
            return _name_members(group, known)

    async def set_members(self, tenant: str, name: str, accounts: Sequence[str]) -> GroupMembers | Refused:
        """Make a group hold exactly these accounts (labels or ids)."""
        async with self._store.session(tenant, writes=True) as session:
            known = await account_rows.list_accounts(session)
            group = await find_group(session, name)
            members = pick_accounts(accounts, known)
            if isinstance(group, Refused):
                return group
            if isinstance(members, Refused):
                return members
            ids = tuple(account.account_id for account in members)
            await rows.set_members(session, group.group_id, ids)
            return _name_members(msgspec.structs.replace(group, account_ids=ids), known)

    async def list_all(self, tenant: str | None = None) -> Sequence[GroupMembers]:
        """All groups of a tenant, or of everybody."""
        async with self._store.system_session() as session:
            known = await account_rows.list_all_accounts(session)
            groups = await rows.list_all_groups(session)
        return [_name_members(group, known) for group in groups if tenant in {None, group.tenant}]

    async def find(self, tenant: str, name: str) -> GroupMembers | Refused:
        """One group."""
        async with self._store.session(tenant) as session:
            group = await find_group(session, name)
            if isinstance(group, Refused):
                return group
            return _name_members(group, await account_rows.list_accounts(session))

    async def remove(self, tenant: str, name: str) -> Group | Refused:
        """Forget a group; its accounts stay."""
        if name == DEFAULT_GROUP:
            return Refused(
                message="the group default must stay: alerts that name no account go there; empty it instead"
            )
        async with self._store.session(tenant, writes=True) as session:
            group = await find_group(session, name)
            if isinstance(group, Refused):
                return group
            users = [hook.name for hook in await hook_rows.list_hooks(session) if hook.enabled and hook.target == name]
            if users:
                return Refused(message=f"hook {users[0]!r} aims at the group {name!r}; revoke it first")
            await rows.remove_group(session, group.group_id)
            return group


def new_group(tenant: str, name: str, now_ms: int) -> Group:
    """An empty group."""
    return Group(group_id=derive_id(now_ms, "group", tenant, name), tenant=tenant, name=name, created_ms=now_ms)


async def find_group(session: Session, name: str) -> Group | Refused:
    """A group of the session's tenant by its name."""
    groups = await rows.list_groups(session)
    found = next((group for group in groups if group.name == name), None)
    return found or unknown("group", name, [group.name for group in groups])


def pick_accounts(wanted: Sequence[str], known: Sequence[VenueAccount]) -> list[VenueAccount] | Refused:
    """Find accounts by label or id."""
    by_name = {account.account_id: account for account in known} | {account.label: account for account in known}
    missing = next((name for name in wanted if name not in by_name), None)
    if missing is not None:
        return unknown("account", missing, [account.label for account in known])
    return [by_name[name] for name in dict.fromkeys(wanted)]


async def _check_free(session: Session, name: str, known: Sequence[VenueAccount]) -> Refused | None:
    if name in {group.name for group in await rows.list_groups(session)}:
        return Refused(message=f"there is a group {name!r} already; change it with fairlead group set")
    if name in {account.label for account in known}:
        return Refused(message=f"{name!r} is the label of an account, and an alert could not tell them apart")
    return None


def _name_members(group: Group, known: Sequence[VenueAccount]) -> GroupMembers:
    labels = {account.account_id: account.label for account in known}
    return GroupMembers(group=group, labels=tuple(sorted(labels.get(one, one) for one in group.account_ids)))
