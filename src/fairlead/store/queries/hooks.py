"""Webhooks: addresses that take alerts for one target, each known by the digest of its token."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec
from sqlalchemy import Row, delete, insert, or_, select, update

from fairlead.store.session import Session, values_of
from fairlead.store.tables import hooks


class ResponseMode(StrEnum):
    """When a sender is answered: once the alert is kept, or once its orders are done."""

    ACK = "ack"
    WAIT = "wait"


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """One hook. ``target`` names an account or a group; times in UTC milliseconds.

    ``token_hash`` is a digest and ``token_hint`` its beginning, which recognises but does not reveal. After a rotation
    the previous token is taken until ``previous_until_ms``. An empty ``address_list`` lets every address call.
    """

    hook_id: str
    tenant: str
    owner: str
    name: str
    token_hash: bytes
    token_hint: str
    target: str
    risk_profile: str
    created_ms: int
    response_mode: ResponseMode = ResponseMode.ACK
    strict_fields: bool = False
    strict_status: bool = False
    cap_to_available: bool = False
    address_list: tuple[str, ...] = ()
    rate_per_minute: int = 60_000
    stale_after_ms: int = 60_000
    stale_close_passes: bool = True
    enabled: bool = True
    expires_ms: int | None = None
    previous_token_hash: bytes | None = None
    previous_until_ms: int | None = None


async def add_hook(session: Session, hook: Hook) -> None:
    """Add a hook.

    Raises:
        sqlalchemy.exc.IntegrityError: its name is taken in this tenant, or its token is not new.
    """
    await session.execute(insert(hooks), [_write(hook)])


async def save_hook(session: Session, hook: Hook) -> bool:
    """Replace what is configured of a hook; False when there is none with this id."""
    query = update(hooks).where(hooks.c.tenant == session.tenant, hooks.c.hook_id == hook.hook_id)
    return (await session.execute(query.values(**_write(hook)))).rowcount > 0


async def rotate_token(
    session: Session,
    hook_id: str,
    *,
    token_hash: bytes,
    token_hint: str,
    previous_until_ms: int,
) -> bool:
    """Give a hook a new token while the old one is still taken for a time; False when there is no such hook."""
    query = update(hooks).where(hooks.c.tenant == session.tenant, hooks.c.hook_id == hook_id)
    values = query.values(
        previous_token_hash=hooks.c.token_hash,
        previous_until_ms=previous_until_ms,
        token_hash=token_hash,
        token_hint=token_hint,
    )
    return (await session.execute(values)).rowcount > 0


async def remove_hook(session: Session, hook_id: str) -> bool:
    """Forget a hook, its token and its refused calls; False when there is no such hook."""
    query = delete(hooks).where(hooks.c.tenant == session.tenant, hooks.c.hook_id == hook_id)
    return (await session.execute(query)).rowcount > 0


async def list_hooks(session: Session) -> Sequence[Hook]:
    """All hooks of the tenant, by name."""
    query = select(hooks).where(hooks.c.tenant == session.tenant).order_by(hooks.c.name)
    return [_read(row) for row in await session.fetch_all(query)]


async def find_hook(session: Session, hook_id: str) -> Hook | None:
    """One hook of the tenant."""
    query = select(hooks).where(hooks.c.tenant == session.tenant, hooks.c.hook_id == hook_id)
    row = await session.fetch_one(query)
    return None if row is None else _read(row)


async def list_all_hooks(system: Session) -> Sequence[Hook]:
    """All hooks of every tenant, by tenant and name; needs a system session."""
    return [_read(row) for row in await system.fetch_all(select(hooks).order_by(hooks.c.tenant, hooks.c.name))]


async def find_hook_by_token(system: Session, token_hash: bytes, *, now_ms: int) -> Hook | None:
    """Whose token this is, the present one or one still in its overlap; needs a system session.

    Enabled and expiry are the caller's to judge.
    """
    query = select(hooks).where(
        or_(
            hooks.c.token_hash == token_hash,
            (hooks.c.previous_token_hash == token_hash) & (hooks.c.previous_until_ms > now_ms),
        ),
    )
    row = await system.fetch_one(query)
    return None if row is None else _read(row)


def _write(hook: Hook) -> dict[str, Any]:
    values = msgspec.structs.asdict(hook)
    return values | {"address_list": msgspec.json.encode(hook.address_list).decode()}


def _read(row: Row[Any]) -> Hook:
    values = values_of(row)
    values["address_list"] = msgspec.json.decode(values["address_list"], type=tuple[str, ...])
    return msgspec.convert(values, Hook, strict=False)
