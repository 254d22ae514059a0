"""The last calls of a hook that were refused before they became alerts, for whoever wonders why nothing happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, delete, insert, select

from fairlead.store.session import Session, values_of
from fairlead.store.tables import hook_calls

REFUSED_CALLS_MAX: Final = 20


class RefusedCall(msgspec.Struct, frozen=True, kw_only=True):
    """One refused call, its secrets blanked by whoever keeps it; ``call_id`` is time-ordered (core.model.ids)."""

    call_id: str
    tenant: str
    hook_id: str
    received_ms: int
    source_address: str
    status_code: int
    error: str
    details: tuple[str, ...] = ()
    body: str = ""


async def keep_refused_calls(session: Session, calls: Sequence[RefusedCall]) -> None:
    """Keep calls, and of each hook only the newest few; gather them first, because each commit is a disk write.

    Raises:
        sqlalchemy.exc.IntegrityError: a hook is gone, or a call was kept before.
    """
    if not calls:
        return
    await session.execute(insert(hook_calls), [_write(call) for call in calls])
    for hook_id in sorted({call.hook_id for call in calls}):
        newest = (
            select(hook_calls.c.call_id)
            .where(hook_calls.c.tenant == session.tenant, hook_calls.c.hook_id == hook_id)
            .order_by(hook_calls.c.call_id.desc())
            .limit(REFUSED_CALLS_MAX)
        )
        kept = [row.call_id for row in await session.fetch_all(newest)]
        await session.execute(
            delete(hook_calls).where(
                hook_calls.c.tenant == session.tenant,
                hook_calls.c.hook_id == hook_id,
                hook_calls.c.call_id < kept[-1],
            ),
        )


async def list_refused_calls(session: Session, hook_id: str) -> Sequence[RefusedCall]:
    """The refused calls of a hook, newest first."""
    query = select(hook_calls).where(hook_calls.c.tenant == session.tenant, hook_calls.c.hook_id == hook_id)
    return [_read(row) for row in await session.fetch_all(query.order_by(hook_calls.c.call_id.desc()))]


async def find_refused_call(session: Session, call_id: str) -> RefusedCall | None:
    """One refused call, while it is kept."""
    query = select(hook_calls).where(hook_calls.c.tenant == session.tenant, hook_calls.c.call_id == call_id)
    row = await session.fetch_one(query)
    return None if row is None else _read(row)


def _write(call: RefusedCall) -> dict[str, Any]:
    return msgspec.structs.asdict(call) | {"details": msgspec.json.encode(call.details).decode()}


def _read(row: Row[Any]) -> RefusedCall:
    values = values_of(row)
    values["details"] = msgspec.json.decode(values["details"], type=tuple[str, ...])
    return msgspec.convert(values, RefusedCall, strict=False)
