"""Measures what a promotion looks at, as far as it is stored; what is not measured stays out."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.money import ONE, ZERO
from fairlead.core.model.stage import Measure
from fairlead.orders.facts import account_stream
from fairlead.store.queries.track_record import read_track_record
from fairlead.store.session import Session
from fairlead.wiring.rehearsing import Stage

DAY_MS: Final = Decimal(86_400_000)


async def measure_record(
    system: Session, account: VenueAccount, stage: Stage, now_ms: int
) -> Mapping[Measure, Decimal]:
    """What is known of an account; needs a system session. Days count from its first fact."""
    track = await read_track_record(system, account_stream(account.account_id))
    record = {
        Measure.DAYS_IN_STAGE: ZERO if track.first_ms is None else Decimal(now_ms - track.first_ms) / DAY_MS,
        Measure.TRADES: Decimal(track.fills),
        Measure.KILL_SWITCH_TESTED: ONE if track.lifted else ZERO,
    }
    drawdown = stage.standing(account, now_ms).drawdown
    return record if drawdown is None else record | {Measure.DRAWDOWN: drawdown}
