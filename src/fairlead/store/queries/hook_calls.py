"""The last calls of a hook that were refused before they became alerts, for whoever wonders why nothing happened."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Row, delete, insert, select

from fairlead.store.session import Session, values_of
from fairlead.store.tables import hook_calls

REFUSED_CALLS_MAX: Final = 20
# Whoever knows a hook's address can make such calls, so they have a share of their own and push nothing else out.
STRANGER_CALLS_MAX: Final = 5


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

    @property
    def is_strangers(self) -> bool:
        """Whether it was made without the hook's token."""
        return self.status_code == HTTPStatus.UNAUTHORIZED


async def keep_refused_calls(session: Session, calls: Sequence[RefusedCall]) -> None:
    """Keep calls, and of each hook only the newest few of its own senders and of strangers.

    Gather them first, because each commit is a disk write.

    Raises:
        sqlalchemy.exc.IntegrityError: a hook is gone, or a call was kept before.
    """
    if not calls:
        return
    await session.execute(insert(hook_calls), [_write(call) for call in calls])
    strangers = hook_calls.c.status_code == HTTPStatus.UNAUTHORIZED
    for hook_id in sorted({call.hook_id for call in calls}):
        await _drop_older(session, hook_id, ~strangers, REFUSED_CALLS_MAX)
        await _drop_older(session, hook_id, strangers, STRANGER_CALLS_MAX)


async def _drop_older(session: Session, hook_id: str, kind: ColumnElement[bool], kept_max: int) -> None:
    own = (hook_calls.c.tenant == session.tenant, hook_calls.c.hook_id == hook_id, kind)
    newest = select(hook_calls.c.call_id).where(*own).order_by(hook_calls.c.call_id.desc()).limit(kept_max)
    kept = [row.call_id for row in await session.fetch_all(newest)]
    if kept:
        await session.execute(delete(hook_calls).where(*own, hook_calls.c.call_id < kept[-1]))


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
