"""After how long without us the venue of an account shall cancel what rests there, as its owner chose."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, insert, select

from fairlead.store.link_tables import dead_man_switches
from fairlead.store.session import Session


async def save_timeout(session: Session, account_id: str, timeout_s: int) -> None:
    """Note the choice for an account of the tenant, in seconds, in place of what was; 0 is off."""
    own = (dead_man_switches.c.tenant == session.tenant, dead_man_switches.c.account_id == account_id)
    await session.execute(delete(dead_man_switches).where(*own))
    row = {"account_id": account_id, "tenant": session.tenant, "timeout_s": timeout_s}
    await session.execute(insert(dead_man_switches), [row])


async def find_timeout(session: Session, account_id: str) -> int | None:
    """The choice for an account of the tenant, in seconds, 0 is off; None: nobody ever chose."""
    query = select(dead_man_switches.c.timeout_s).where(
        dead_man_switches.c.tenant == session.tenant, dead_man_switches.c.account_id == account_id
    )
    row = await session.fetch_one(query)
    return None if row is None else int(row.timeout_s)


async def list_all_timeouts(system: Session) -> Mapping[str, int]:
    """Every choice in seconds, by account id, for every tenant; needs a system session."""
    return {row.account_id: int(row.timeout_s) for row in await system.fetch_all(select(dead_man_switches))}
