"""Risk profiles: named limits, every version kept, so that an old verdict can still be read with its limits."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import func, insert, select

from fairlead.core.model.risk import RiskProfile
from fairlead.store.session import Session
from fairlead.store.tables import risk_profiles


async def add_profile(session: Session, profile: RiskProfile, *, created_ms: int) -> None:
    """Add a new version of a profile.

    Raises:
        sqlalchemy.exc.IntegrityError: this version is there already; a version never changes.
    """
    body = msgspec.json.encode(profile)
    await session.execute(
        insert(risk_profiles).values(name=profile.name, version=profile.version, body=body, created_ms=created_ms),
    )


async def list_newest_profiles(session: Session) -> Sequence[RiskProfile]:
    """The newest version of each profile, by name; profiles belong to the installation, not to a tenant."""
    newest = (
        select(risk_profiles.c.name, func.max(risk_profiles.c.version).label("version"))
        .group_by(risk_profiles.c.name)
        .subquery()
    )
    query = select(risk_profiles.c.body).join(
        newest,
        (newest.c.name == risk_profiles.c.name) & (newest.c.version == risk_profiles.c.version),
    )
    rows = await session.fetch_all(query.order_by(risk_profiles.c.name))
    return [msgspec.json.decode(row.body, type=RiskProfile) for row in rows]


async def find_profile(session: Session, name: str, version: int | None = None) -> RiskProfile | None:
    """One version of a profile, or its newest."""
    query = select(risk_profiles.c.body).where(risk_profiles.c.name == name)
    if version is not None:
        query = query.where(risk_profiles.c.version == version)
    row = await session.fetch_one(query.order_by(risk_profiles.c.version.desc()).limit(1))
    return None if row is None else msgspec.json.decode(row.body, type=RiskProfile)
