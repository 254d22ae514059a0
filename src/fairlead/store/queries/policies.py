"""Policies as their owners wrote them: every version is kept, so that an old verdict can be read with its text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, Select, func, insert, select

from fairlead.store.session import Session
from fairlead.store.tables import policies


class PolicyText(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a policy; an empty ``text`` says that it was removed."""

    tenant: str
    name: str
    version: int
    text: str
    created_ms: int


async def add_policy_text(session: Session, policy: PolicyText) -> None:
    """Add a new version, which counts from now on.

    Raises:
        sqlalchemy.exc.IntegrityError: this version is there already; a version never changes.
    """
    values = msgspec.structs.asdict(policy) | {"body": policy.text.encode()}
    del values["text"]
    await session.execute(insert(policies), [values])


async def list_policy_texts(session: Session) -> Sequence[PolicyText]:
    """The newest version of each policy of the tenant, by name; removed ones too."""
    query = select(policies).where(policies.c.tenant == session.tenant)
    return _newest(await session.fetch_all(_ordered(query)))


async def list_all_policy_texts(system: Session) -> Sequence[PolicyText]:
    """The newest version of each policy of every tenant, without removed ones; needs a system session."""
    newest = (
        select(policies.c.tenant, policies.c.name, func.max(policies.c.version).label("version"))
        .group_by(policies.c.tenant, policies.c.name)
        .subquery()
    )
    query = select(policies).join(
        newest,
        (newest.c.tenant == policies.c.tenant)
        & (newest.c.name == policies.c.name)
        & (newest.c.version == policies.c.version),
    )
    return [found for found in _newest(await system.fetch_all(_ordered(query))) if found.text]


def _ordered(query: Select[Any]) -> Select[Any]:
    return query.order_by(policies.c.tenant, policies.c.name, policies.c.version)


def _newest(rows: Sequence[Row[Any]]) -> list[PolicyText]:
    found = {
        (row.tenant, row.name): PolicyText(
            tenant=row.tenant,
            name=row.name,
            version=row.version,
            text=row.body.decode(),
            created_ms=row.created_ms,
        )
        for row in rows
    }
    return list(found.values())
