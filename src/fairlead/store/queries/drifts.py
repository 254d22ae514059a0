"""What people decided about drifts, and what they want adopted unasked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, delete, insert, select, update

from fairlead.core.model.drift import DriftCause, DriftDecision
from fairlead.store.link_tables import drift_decisions, drift_policies
from fairlead.store.session import Session, values_of

_COMMA: Final = ","


async def save_decision(session: Session, decision: DriftDecision) -> None:
    """Keep a decision, in place of an earlier one about the same drift."""
    await session.execute(
        delete(drift_decisions).where(
            drift_decisions.c.tenant == session.tenant, drift_decisions.c.drift_id == decision.drift_id
        )
    )
    await session.execute(insert(drift_decisions), [msgspec.structs.asdict(decision)])


async def find_decision(session: Session, drift_id: str) -> DriftDecision | None:
    """The newest decision of the tenant about a drift."""
    query = select(drift_decisions).where(
        drift_decisions.c.tenant == session.tenant, drift_decisions.c.drift_id == drift_id
    )
    row = await session.fetch_one(query)
    return None if row is None else _read(row)


async def list_open_decisions(system: Session) -> Sequence[DriftDecision]:
    """Decisions of every tenant that no server has tried yet, oldest first; needs a system session."""
    query = select(drift_decisions).where(drift_decisions.c.outcome == "")
    rows = await system.fetch_all(query.order_by(drift_decisions.c.created_ms, drift_decisions.c.drift_id))
    return [_read(row) for row in rows]


async def save_outcome(system: Session, decision: DriftDecision, outcome: str) -> None:
    """Note what became of a decision, unless another one has taken its place; needs a system session."""
    query = update(drift_decisions).where(
        drift_decisions.c.tenant == decision.tenant,
        drift_decisions.c.drift_id == decision.drift_id,
        drift_decisions.c.created_ms == decision.created_ms,
    )
    await system.execute(query.values(outcome=outcome))


async def save_policy(session: Session, account_id: str, causes: Sequence[DriftCause]) -> None:
    """Note what is adopted unasked on an account, in place of what was."""
    own = (drift_policies.c.tenant == session.tenant, drift_policies.c.account_id == account_id)
    await session.execute(delete(drift_policies).where(*own))
    if causes:
        row = {"account_id": account_id, "tenant": session.tenant, "causes": _COMMA.join(causes)}
        await session.execute(insert(drift_policies), [row])


async def find_policy(session: Session, account_id: str) -> frozenset[DriftCause]:
    """What is adopted unasked on an account of the tenant."""
    query = select(drift_policies).where(
        drift_policies.c.tenant == session.tenant, drift_policies.c.account_id == account_id
    )
    row = await session.fetch_one(query)
    return frozenset() if row is None else _causes(row.causes)


async def list_all_policies(system: Session) -> Mapping[str, frozenset[DriftCause]]:
    """What is adopted unasked, by account id, for every tenant; needs a system session."""
    return {row.account_id: _causes(row.causes) for row in await system.fetch_all(select(drift_policies))}


def _causes(text: str) -> frozenset[DriftCause]:
    # A cause that a newer version knows adopts nothing here.
    return frozenset(cause for cause in DriftCause if cause.value in text.split(_COMMA))


def _read(row: Row[Any]) -> DriftDecision:
    return msgspec.convert(values_of(row), DriftDecision, strict=False)
