"""People and the tenants they belong to."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fairlead.accounts.passwords import hash_password
from fairlead.accounts.registry.groups import DEFAULT_GROUP, new_group
from fairlead.accounts.registry.naming import Refused, check_password, check_username, check_zone, unknown
from fairlead.core.model.ids import derive_id
from fairlead.ports import Clock
from fairlead.store.queries import groups as group_rows
from fairlead.store.queries import users as rows
from fairlead.store.queries.users import Role, User
from fairlead.store.session import Store


class UserWish(msgspec.Struct, frozen=True, kw_only=True):
    """A person to add; an empty tenant gives an owner a tenant of their own, named after them."""

    username: str
    password: str
    role: Role = Role.OWNER
    tenant: str = ""
    time_zone: str = "UTC"


class UserRegistry:
    """Adds, finds and changes people; for the command line and start-up, which see every tenant."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Work on one database."""
        self._store = store
        self._clock = clock

    async def add(self, wish: UserWish) -> User | Refused:
        """Add a person; the first of a tenant also brings its group ``default``."""
        refused = check_username(wish.username) or check_password(wish.password) or check_zone(wish.time_zone)
        if refused is not None:
            return refused
        now_ms = self._clock.now_ms()
        async with self._store.system_session(writes=True) as session:
            people = await rows.list_all_users(session)
            tenant = _choose_tenant(wish, people)
            if isinstance(tenant, Refused):
                return tenant
            user = User(
                user_id=derive_id(now_ms, "user", wish.username),
                tenant=tenant,
                username=wish.username,
                password_hash=hash_password(wish.password),
                role=wish.role,
                time_zone=wish.time_zone,
                enabled=True,
                created_ms=now_ms,
            )
            await rows.add_user(session, user)
            if tenant not in {one.tenant for one in people}:
                await group_rows.add_group(session, new_group(tenant, DEFAULT_GROUP, now_ms))
        return user

    async def list_all(self) -> Sequence[User]:
        """Everybody, by username."""
        async with self._store.system_session() as session:
            return await rows.list_all_users(session)

    async def find(self, username: str) -> User | Refused:
        """One person."""
        people = await self.list_all()
        found = next((user for user in people if user.username == username), None)
        return found or unknown("user", username, [user.username for user in people])

    async def find_tenant(self, username: str = "") -> str | Refused:
        """The tenant of a person, or the only one there is when nobody is named."""
        if username:
            user = await self.find(username)
            return user if isinstance(user, Refused) else user.tenant
        people = await self.list_all()
        tenants = sorted({user.tenant for user in people})
        if not tenants:
            return Refused(message="there is no user yet: add one with fairlead user add NAME")
        if len(tenants) > 1:
            return Refused(message=f"there are several tenants ({', '.join(tenants)}): say whose with --user NAME")
        return tenants[0]

    async def set_enabled(self, username: str, *, enabled: bool) -> User | Refused:
        """Let a person sign in, or keep them out."""
        user = await self.find(username)
        if isinstance(user, Refused):
            return user
        async with self._store.session(user.tenant, writes=True) as session:
            await rows.set_user_enabled(session, user.user_id, enabled=enabled)
        return msgspec.structs.replace(user, enabled=enabled)

    async def set_time_zone(self, username: str, time_zone: str) -> User | Refused:
        """Say where a person lives: an owner's days, weeks and months of loss limits begin there."""
        user = await self.find(username)
        if isinstance(user, Refused):
            return user
        refused = check_zone(time_zone)
        if refused is not None:
            return refused
        async with self._store.session(user.tenant, writes=True) as session:
            await rows.set_time_zone(session, user.user_id, time_zone)
        return msgspec.structs.replace(user, time_zone=time_zone)

    async def set_password(self, username: str, password: str) -> User | Refused:
        """Give a person another password."""
        user = await self.find(username)
        if isinstance(user, Refused):
            return user
        refused = check_password(password)
        if refused is not None:
            return refused
        async with self._store.session(user.tenant, writes=True) as session:
            await rows.set_password(session, user.user_id, hash_password(password))
        return user


def _choose_tenant(wish: UserWish, people: Sequence[User]) -> str | Refused:
    tenants = {user.tenant for user in people}
    if wish.username in {user.username for user in people}:
        return Refused(message=f"the username {wish.username!r} is taken; choose another")
    if wish.tenant:
        return wish.tenant if wish.tenant in tenants else unknown("tenant", wish.tenant, tenants)
    if wish.role is not Role.OWNER:
        return Refused(message=f"a {wish.role} shares the things of a tenant: say of which with --tenant NAME")
    if wish.username in tenants:
        return Refused(
            message=f"there is a tenant called {wish.username!r}: join it with --tenant, or choose another name"
        )
    return wish.username
