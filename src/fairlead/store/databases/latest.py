"""Of several versions of one thing that a batch holds, only the last is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fairlead.core.model.state import State
from fairlead.ports import Record
from fairlead.store.projections import ProjectionRow, StateKey, identify, write_row

RecordKey = tuple[str, str, str]


def latest_states(states: Iterable[State]) -> Mapping[str, Sequence[ProjectionRow]]:
    """The rows to write, by table.

    Raises:
        TypeError, ValueError: a state that cannot be written down.
    """
    latest: dict[str, dict[StateKey, State]] = {}
    for state in states:
        table, key = identify(state)
        latest.setdefault(table, {})[key] = state
    return {table: [write_row(state) for state in by_key.values()] for table, by_key in latest.items()}


def latest_records(records: Iterable[Record]) -> tuple[Sequence[tuple[str, str, str, bytes]], Sequence[RecordKey]]:
    """The records to keep (space, owner, key, body), and the keys (space, owner, key) to delete."""
    latest = {(record.space, record.owner, record.key): record.body for record in records}
    kept = [(*key, body) for key, body in latest.items() if body is not None]
    return kept, [key for key, body in latest.items() if body is None]
