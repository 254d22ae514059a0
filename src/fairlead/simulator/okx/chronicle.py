"""What happened to each account, as far back as OKX would tell: fills, bills and closed positions."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, TypeVar

import msgspec

from fairlead.core.model.money import ZERO
from fairlead.simulator import events as ev
from fairlead.simulator.okx.paging import Entry

FILLS_KEPT_MAX: Final = 20_000
BILLS_KEPT_MAX: Final = 40_000
CLOSED_POSITIONS_KEPT_MAX: Final = 5_000
"""For each account; the oldest make room."""

_BILL_ID_BASE: Final = 4_000_000_000_000_000_000
T = TypeVar("T")


class Bill(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of cash; ``fill`` is the execution that made it, if one did."""

    bill_id: str
    change: ev.BalanceChanged
    fill: ev.OrderFilled | None = None


class FillNote(msgspec.Struct, frozen=True, kw_only=True):
    """One execution under the number of its bill."""

    bill_id: str
    fill: ev.OrderFilled


class ClosedPosition(msgspec.Struct, frozen=True, kw_only=True):
    """A holding that ended, with what it had been at its largest."""

    position: ev.PositionChanged
    largest: Decimal
    opened_ms: int
    entry_price: Decimal


class _Diary:
    """One account's."""

    def __init__(self) -> None:
        self.fills: deque[Entry[FillNote]] = deque(maxlen=FILLS_KEPT_MAX)
        self.bills: deque[Entry[Bill]] = deque(maxlen=BILLS_KEPT_MAX)
        self.closed: deque[Entry[ClosedPosition]] = deque(maxlen=CLOSED_POSITIONS_KEPT_MAX)
        self.open: dict[tuple[str, str, str], ClosedPosition] = {}


class Chronicle:
    """Listens to the exchange and remembers."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._diaries: dict[str, _Diary] = {}
        self._bills = 0

    def note(self, events: Sequence[ev.ExchangeEvent]) -> None:
        """Remember facts, in their order."""
        fill: ev.OrderFilled | None = None
        for event in events:
            diary = self._diaries.get(event.account_id)
            if diary is None:
                diary = self._diaries[event.account_id] = _Diary()
            match event:
                case ev.OrderFilled():
                    fill = event
                    number, bill_id = self._next_bill()
                    note = FillNote(bill_id=bill_id, fill=event)
                    diary.fills.append(Entry(number=number, at_ms=event.at_ms, item=note))
                case ev.BalanceChanged():
                    number, bill_id = self._next_bill()
                    is_of_fill = fill is not None and fill.venue_order_id == event.venue_order_id
                    bill = Bill(bill_id=bill_id, change=event, fill=fill if is_of_fill else None)
                    diary.bills.append(Entry(number=number, at_ms=event.at_ms, item=bill))
                case ev.PositionChanged():
                    self._note_position(diary, event)
                case _:
                    pass

    def fills(self, account_id: str) -> Sequence[Entry[FillNote]]:
        """Executions, oldest first."""
        return tuple(self._diary(account_id).fills)

    def bills(self, account_id: str) -> Sequence[Entry[Bill]]:
        """Movements of cash, oldest first."""
        return tuple(self._diary(account_id).bills)

    def closed_positions(self, account_id: str) -> Sequence[Entry[ClosedPosition]]:
        """Holdings that have ended, in the order of their end."""
        return tuple(self._diary(account_id).closed)

    def _diary(self, account_id: str) -> _Diary:
        return self._diaries.get(account_id) or _Diary()

    def _next_bill(self) -> tuple[int, str]:
        self._bills += 1
        number = _BILL_ID_BASE + self._bills
        return number, str(number)

    def _note_position(self, diary: _Diary, event: ev.PositionChanged) -> None:
        key = (event.symbol, event.margin_mode, event.position_side)
        known = diary.open.get(key)
        largest = max(abs(event.quantity), known.largest if known else ZERO)
        opened_ms = known.opened_ms if known else event.at_ms
        entry = event.entry_price or (known.entry_price if known else ZERO)
        now = ClosedPosition(position=event, largest=largest, opened_ms=opened_ms, entry_price=entry)
        if event.quantity:
            diary.open[key] = now
            return
        diary.open.pop(key, None)
        number, _ = self._next_bill()
        diary.closed.append(Entry(number=number, at_ms=event.at_ms, item=now))
