"""Users, venue accounts, groups and hooks of all tenants, in memory, so that an alert never waits for a database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import msgspec

from fairlead.accounts.addresses import AddressList, AddressListError, IpAddress
from fairlead.accounts.registry.accounts import KINDS
from fairlead.accounts.registry.policies import read_stored
from fairlead.accounts.tokens import equal_digests
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.policy import Policing, Policy
from fairlead.core.model.request import OrderRequest
from fairlead.store.queries.accounts import list_all_accounts
from fairlead.store.queries.bots import NO_BOTS, BotRoster, load_roster
from fairlead.store.queries.groups import Group, list_all_groups
from fairlead.store.queries.hooks import Hook, list_all_hooks
from fairlead.store.queries.policies import PolicyText, list_all_policy_texts
from fairlead.store.queries.users import Role, User, list_all_users
from fairlead.store.session import Store

DEFAULT_GROUP: Final = "default"


class TargetAccounts(msgspec.Struct, frozen=True, kw_only=True):
    """What a list of names means: accounts in order, which of them were named one by one, and names without meaning."""

    accounts: tuple[VenueAccount, ...]
    named_one_by_one: frozenset[str]
    unknown: tuple[str, ...]


class Directory:
    """One consistent picture of who is who; every lookup but those of tokens and user names is for one tenant."""

    def __init__(
        self,
        *,
        users: Iterable[User] = (),
        accounts: Iterable[VenueAccount] = (),
        groups: Iterable[Group] = (),
        hooks: Iterable[Hook] = (),
        policies: Iterable[PolicyText] = (),
        roster: BotRoster = NO_BOTS,
    ) -> None:
        """File everything by what it is looked up by; ``roster`` is every bot, of every tenant."""
        self.roster = roster
        self._users = {user.user_id: user for user in users}
        self._names = {user.username: user for user in self._users.values()}
        self._accounts: dict[str, dict[str, VenueAccount]] = {}
        for account in accounts:
            self._accounts.setdefault(account.tenant, {})[account.account_id] = account
        self._groups = {(group.tenant, group.name): group for group in groups}
        self._hooks = {hook.hook_id: hook for hook in hooks}
        self._addresses = {hook.hook_id: _read_addresses(hook) for hook in self._hooks.values()}
        self._tokens: dict[bytes, Hook] = {}
        for hook in self._hooks.values():
            self._tokens[hook.token_hash] = hook
            if hook.previous_token_hash is not None:
                self._tokens.setdefault(hook.previous_token_hash, hook)
        self._policies: dict[str, list[Policy]] = {}
        for text in policies:
            self._policies.setdefault(text.tenant, []).append(read_stored(text))

    def find_user(self, username: str) -> User | None:
        """Find a user by name; names are unique over all tenants."""
        return self._names.get(username)

    def find_hook(self, tenant: str, hook_id: str) -> Hook | None:
        """Find a hook of a tenant."""
        hook = self._hooks.get(hook_id)
        return hook if hook is not None and hook.tenant == tenant else None

    def list_hooks(self) -> tuple[Hook, ...]:
        """Every hook of every tenant, for whoever may see them all."""
        return tuple(self._hooks.values())

    def owner_of(self, source_id: str) -> str:
        """User id of whoever owns a source; empty if it is nobody's."""
        source = self._hooks.get(source_id) or self.roster.bots.get(source_id)
        return "" if source is None else source.owner

    def find_policing(self, account: VenueAccount, request: OrderRequest) -> Policing:
        """The policies that cover a request on an account, and the name of its source."""
        known = self._policies.get(account.tenant)
        if not known:
            return Policing()
        hook = self.find_hook(account.tenant, request.source_id)
        source = request.source_id if hook is None else hook.name
        accounts = frozenset((account.label, account.account_id))
        sources = frozenset((source, request.source_id))
        return Policing(policies=tuple(one for one in known if one.covers(accounts, sources)), source=source)

    def find_hook_by_id(self, hook_id: str) -> Hook | None:
        """Find a hook of whatever tenant, for whoever only notes something for its owner."""
        return self._hooks.get(hook_id)

    def time_zone_of(self, tenant: str) -> str:
        """Name of the time zone of a tenant's first owner; UTC if it has none."""
        owners = (user for user in self._users.values() if user.tenant == tenant and user.role is Role.OWNER)
        first = min(owners, key=lambda user: (user.created_ms, user.user_id), default=None)
        return "UTC" if first is None else first.time_zone

    def find_hook_by_token(self, token_hash: bytes, now_ms: int) -> Hook | None:
        """Find the hook that a token opens now; None when it is revoked or expired, or its owner may not sign in.

        After a rotation the previous token opens it too, while the two overlap.
        """
        hook = self._tokens.get(token_hash)
        if hook is None or not hook.enabled or (hook.expires_ms is not None and hook.expires_ms <= now_ms):
            return None
        owner = self._users.get(hook.owner)
        if owner is None or owner.tenant != hook.tenant or not owner.enabled:
            return None
        if equal_digests(hook.token_hash, token_hash):
            return hook
        overlaps = hook.previous_until_ms is not None and now_ms < hook.previous_until_ms
        return hook if overlaps and equal_digests(hook.previous_token_hash or b"", token_hash) else None

    def find_address_rule(self, hook: Hook, address: IpAddress | None) -> str | None:
        """Name what lets an address use a hook; None when nothing does, also when the list cannot be read."""
        addresses = self._addresses.get(hook.hook_id)
        return addresses.find_rule(address) if addresses is not None else None

    def list_accounts(self, tenant: str) -> tuple[VenueAccount, ...]:
        """All accounts of a tenant, disabled ones too."""
        return tuple(self._accounts.get(tenant, {}).values())

    def list_all_accounts(self) -> tuple[VenueAccount, ...]:
        """Every account of every tenant, for the order path that serves them all."""
        return tuple(account for accounts in self._accounts.values() for account in accounts.values())

    def find_account(self, tenant: str, account_id: str) -> VenueAccount | None:
        """Find an account of a tenant."""
        return self._accounts.get(tenant, {}).get(account_id)

    def resolve(self, tenant: str, names: Sequence[str]) -> TargetAccounts:
        """Say which accounts of a tenant are meant by ids, labels and group names; each account comes once."""
        found: dict[str, VenueAccount] = {}
        single: set[str] = set()
        unknown: list[str] = []
        for name in names or (DEFAULT_GROUP,):
            group = self._find_group(tenant, name)
            if group is not None:
                found.update(group)
            elif (one := self._find_single(tenant, name)) is not None:
                found[one.account_id] = one
                single.add(one.account_id)
            else:
                unknown.append(name)
        return TargetAccounts(
            accounts=tuple(found.values()), named_one_by_one=frozenset(single), unknown=tuple(unknown)
        )

    def _find_group(self, tenant: str, name: str) -> dict[str, VenueAccount] | None:
        accounts = self._accounts.get(tenant, {})
        group = self._groups.get((tenant, name))
        if group is not None:
            return {key: accounts[key] for key in group.account_ids if key in accounts}
        # Senders of the predecessor name it, so it exists whether or not anybody made it.
        return dict(accounts) if name == DEFAULT_GROUP else None

    def _find_single(self, tenant: str, name: str) -> VenueAccount | None:
        accounts = self._accounts.get(tenant, {})
        return accounts.get(name) or next((one for one in accounts.values() if one.label == name), None)


def _read_addresses(hook: Hook) -> AddressList | None:
    try:
        return AddressList(hook.address_list)
    except AddressListError:
        # A list that nobody can read lets nobody in.
        return None


async def load_directory(store: Store) -> Directory:
    """Read everything from the database, in one transaction."""
    async with store.system_session() as session:
        return Directory(
            users=await list_all_users(session),
            accounts=[_servable(account) for account in await list_all_accounts(session)],
            groups=await list_all_groups(session),
            hooks=await list_all_hooks(session),
            policies=await list_all_policy_texts(session),
            roster=await load_roster(session),
        )


def _servable(account: VenueAccount) -> VenueAccount:
    """An account of a kind that nobody here knows takes no orders, whatever its row says."""
    return account if account.kind in KINDS else msgspec.structs.replace(account, enabled=False)


class LiveDirectory:
    """The newest directory; ``current`` never changes under a reader, it is replaced."""

    def __init__(self, load: Callable[[], Awaitable[Directory]], current: Directory | None = None) -> None:
        """Take who loads it; until the first reload it is empty."""
        self._load = load
        self._reloading = asyncio.Lock()
        self.current = current or Directory()

    async def reload(self) -> None:
        """Load everything anew; a reader sees all of the old or all of the new."""
        async with self._reloading:
            self.current = await self._load()

    def find_user(self, username: str) -> User | None:
        """Find a user by name, now."""
        return self.current.find_user(username)

    def find_policing(self, account: VenueAccount, request: OrderRequest) -> Policing:
        """The policies that cover a request, now."""
        return self.current.find_policing(account, request)
