"""Reads what alerts of a hook asked for out of the journal, as signals that a replay can follow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from fairlead.backtest.signal_list import Action, Signal
from fairlead.core.model.events import OrderRequested
from fairlead.core.model.request import Close, Enter, OrderRequest, SetTarget, Side, SourceKind, TargetPosition
from fairlead.store.databases.contract import SnapshotReader
from fairlead.store.databases.opening import open_snapshot
from fairlead.store.rows import decode_row

PAGE_ROWS: Final = 1_000
_TARGETS: Final = {
    TargetPosition.LONG: Action.LONG,
    TargetPosition.SHORT: Action.SHORT,
    TargetPosition.FLAT: Action.CLOSE,
}


def signals_of_hook(url: str, tenant: str, hook_id: str) -> list[Signal]:
    """What a hook's alerts asked for, in the order of time; each alert once, however many accounts it was for.

    Limit orders count as orders at once, cancels not at all. Blocks.

    Raises:
        Exception: what the driver says when the database is not there, was not migrated, or refused.
    """
    told: dict[tuple[str, str], Signal] = {}
    with closing(open_snapshot(url)) as snapshot:
        for request in _requests(snapshot, tenant):
            if request.source_kind is not SourceKind.WEBHOOK or request.source_id != hook_id:
                continue
            signal = _signal_of(request)
            if signal is not None:
                told.setdefault((request.cause, request.symbol), signal)
    return sorted(told.values(), key=lambda one: one.at_ms)


def _requests(snapshot: SnapshotReader, tenant: str) -> Iterator[OrderRequest]:
    seq = 0
    while page := snapshot.read_page(seq, PAGE_ROWS):
        for row in page:
            if row[1] != tenant or row[4] != OrderRequested.__name__:
                continue
            event = decode_row(row).event
            if isinstance(event, OrderRequested):
                yield event.request
        seq = page[-1][0]


def _signal_of(request: OrderRequest) -> Signal | None:
    at_ms, symbol = request.cause_at_ms, request.symbol
    match request.intent:
        case Enter(side=side, size=size):
            return Signal(at_ms=at_ms, symbol=symbol, action=Action.BUY if side is Side.BUY else Action.SELL, size=size)
        case Close(size=size):
            return Signal(at_ms=at_ms, symbol=symbol, action=Action.CLOSE, size=size)
        case SetTarget(target=target, size=size):
            return Signal(at_ms=at_ms, symbol=symbol, action=_TARGETS[target], size=size)
        case _:
            return None
