"""What an account's list of drifts becomes when one of them is settled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from fairlead.core.model.drift import Drift, DriftWay
from fairlead.core.model.events import DriftSettled


def texts_of(drifts: Iterable[Drift]) -> tuple[str, ...]:
    """One line for each that nobody has decided to live with: what keeps an account from adding risk."""
    return tuple(drift.text for drift in drifts if not drift.is_ignored)


def settle(drifts: Mapping[str, Drift], event: DriftSettled) -> dict[str, Drift]:
    """The drifts of an account after one was settled."""
    left = dict(drifts)
    drift = left.pop(event.drift.drift_id, None)
    if drift is not None and event.way is DriftWay.IGNORE:
        left[drift.drift_id] = msgspec.structs.replace(drift, is_ignored=True)
    return left
