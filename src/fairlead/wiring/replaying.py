"""The rules that rebuild the tables, for whoever checks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fairlead.core.model.state import State
from fairlead.core.rules.replay import Replay
from fairlead.ports import JournalRow
from fairlead.simulator.instruments import DEFAULT_INSTRUMENTS


def journal_fold() -> Callable[[JournalRow], Iterable[State]]:
    """The rules that rebuild every table from the journal."""
    replay = Replay({instrument.symbol: instrument for instrument in DEFAULT_INSTRUMENTS})
    return lambda row: replay.fold(row.tenant, row.event)
