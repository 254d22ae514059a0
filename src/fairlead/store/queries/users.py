"""People who may sign in."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Row, insert, select, update

from fairlead.store.session import Session, values_of
from fairlead.store.tables import users


class Role(StrEnum):
    """What a member may do."""

    OWNER = "owner"
    ADMIN = "admin"
    TRADER = "trader"
    VIEWER = "viewer"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """One person; ``password_hash`` is an Argon2 digest, never the password."""

    user_id: str
    tenant: str
    username: str
    password_hash: str
    role: Role
    time_zone: str
    enabled: bool
    created_ms: int


async def add_user(session: Session, user: User) -> None:
    """Add a person.

    Raises:
        sqlalchemy.exc.IntegrityError: the username is taken.
    """
    await session.execute(insert(users), [msgspec.structs.asdict(user)])


async def list_users(session: Session) -> Sequence[User]:
    """Everybody of the tenant, by username."""
    found = await session.fetch_all(select(users).where(users.c.tenant == session.tenant).order_by(users.c.username))
    return [_read(row) for row in found]


async def find_user(session: Session, user_id: str) -> User | None:
    """One person of the tenant."""
    query = select(users).where(users.c.tenant == session.tenant, users.c.user_id == user_id)
    row = await session.fetch_one(query)
    return None if row is None else _read(row)


async def find_sign_in(system: Session, username: str) -> User | None:
    """Whoever signs in under this name, in whatever tenant; needs a system session."""
    row = await system.fetch_one(select(users).where(users.c.username == username))
    return None if row is None else _read(row)


async def list_all_users(system: Session) -> Sequence[User]:
    """Everybody of every tenant, by username; needs a system session."""
    return [_read(row) for row in await system.fetch_all(select(users).order_by(users.c.username))]


async def set_password(session: Session, user_id: str, password_hash: str) -> bool:
    """Replace a password; False when there is no such person."""
    return await _change(session, user_id, password_hash=password_hash)


async def set_time_zone(session: Session, user_id: str, time_zone: str) -> bool:
    """Say where a person lives; False when there is no such person."""
    return await _change(session, user_id, time_zone=time_zone)


async def set_user_enabled(session: Session, user_id: str, *, enabled: bool) -> bool:
    """Let a person in, or keep them out; False when there is no such person."""
    return await _change(session, user_id, enabled=enabled)


async def set_role(session: Session, user_id: str, role: Role) -> bool:
    """Change what a person may do; False when there is no such person."""
    return await _change(session, user_id, role=role.value)


async def _change(session: Session, user_id: str, **values: object) -> bool:
    query = update(users).where(users.c.tenant == session.tenant, users.c.user_id == user_id).values(**values)
    return (await session.execute(query)).rowcount > 0


def _read(row: Row[Any]) -> User:
    return msgspec.convert(values_of(row), User, strict=False)
