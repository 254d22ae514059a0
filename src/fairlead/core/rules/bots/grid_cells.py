"""What the cells of a grid hold: booked from orders that ended, never from what was wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from fairlead.core.model.bots.decision import SlotEnded
from fairlead.core.model.bots.grid import GridCell, GridMemory
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO

ENTRY_SLOT: Final = "b"
EXIT_SLOT: Final = "s"
TOO_SMALL: Final = "below_min_size"


class CellBook:
    """A working copy of the cells for one decision. ``is_long`` tells the kind of a cell."""

    def __init__(self, memory: GridMemory, instrument: Instrument, is_long: Callable[[int], bool]) -> None:
        """Open it at what is remembered."""
        self._cells = {cell.line: cell for cell in memory.cells}
        self._instrument = instrument
        self._is_long = is_long
        self._dust = memory.dust
        self._rounds = memory.rounds
        self.long_armed = memory.long_armed
        self.short_armed = memory.short_armed

    def save(self, memory: GridMemory) -> GridMemory:
        """What is remembered from now on; the same object when nothing changed."""
        cells = tuple(self._cells[line] for line in sorted(self._cells))
        after = replace(
            memory,
            cells=cells,
            dust=self._dust,
            rounds=self._rounds,
            long_armed=self.long_armed,
            short_armed=self.short_armed,
        )
        return memory if after == memory else after

    def cell(self, line: int) -> GridCell:
        """A cell as it is."""
        return self._cells.get(line) or GridCell(line)

    @property
    def held(self) -> Sequence[GridCell]:
        """Cells that hold something, by line."""
        return [cell for _, cell in sorted(self._cells.items()) if cell.quantity]

    @property
    def parted(self) -> Sequence[GridCell]:
        """Cells of which a part was filled, by line."""
        return [cell for _, cell in sorted(self._cells.items()) if cell.part]

    def take(self, ended: SlotEnded) -> None:
        """Book an order that is over."""
        if ended.slot.startswith(EXIT_SLOT):
            self._take_exit(ended)
        elif ended.slot.startswith(ENTRY_SLOT):
            line, turn = (int(part) for part in ended.slot[1:].split("."))
            cell = self.cell(line)
            if cell.turn != turn or not ended.quantity:
                return
            cell = replace(cell, part=ended.quantity - ended.fee_base)
            self._cells[line] = cell
            if ended.complete:
                self.adopt(cell)

    def adopt(self, cell: GridCell) -> None:
        """Take what the entries of this turn filled as what the cell holds, and end the turn."""
        self._open(cell.line, cell.part)

    def share_out(self, quantity: Decimal, wanted: Iterable[tuple[int, Decimal]]) -> None:
        """Give cells their shares of the first order, in whole lots."""
        shares = list(wanted)
        total = sum((wish for _, wish in shares), ZERO)
        left = quantity
        for line, wish in shares:
            part = min(left, self._instrument.round_quantity_down(wish * quantity / total))
            left -= part
            self._open(line, part)
        self._dust += left

    def move(self, start: int, end: int) -> None:
        """Let another cell close what a cell holds, unless that one holds something itself."""
        source, target = self.cell(start), self.cell(end)
        if source.quantity and not target.quantity:
            self._cells[end] = replace(target, quantity=source.quantity, slot=source.slot)
            self._cells[start] = replace(source, quantity=ZERO, slot="")

    def lose(self, quantity: Decimal, cells: Iterable[GridCell]) -> None:
        """Take away what somebody else closed, from these cells in their order."""
        for cell in cells:
            gone = min(quantity, cell.quantity)
            quantity -= gone
            left = cell.quantity - gone
            self._cells[cell.line] = replace(cell, quantity=left, slot=cell.slot if left else "")

    def _open(self, line: int, received: Decimal) -> None:
        cell = self.cell(line)
        quantity = received + self._dust
        lots = self._instrument.round_quantity_down(quantity)
        whole = lots if lots >= self._instrument.quantity_min else ZERO
        self._dust = quantity - whole
        slot = f"{EXIT_SLOT}{line}.{cell.turn}" if whole else ""
        self._cells[line] = GridCell(line, cell.turn + 1, whole, slot)

    def _take_exit(self, ended: SlotEnded) -> None:
        cell = next((one for one in self._cells.values() if one.slot == ended.slot), None)
        if cell is None:
            return
        left = max(ZERO, cell.quantity - ended.quantity)
        if ended.reason != TOO_SMALL and left and not ended.complete:
            self._cells[cell.line] = replace(cell, quantity=left)
            return
        # What is too small for an order is sold with what the next cell receives.
        self._dust += left
        self._cells[cell.line] = replace(cell, quantity=ZERO, slot="")
        self._rounds += 1
        if self._is_long(cell.line):
            self.long_armed = max(self.long_armed, cell.line + 1)
        else:
            self.short_armed = min(self.short_armed, cell.line)


def entry_slot(cell: GridCell) -> str:
    """Name of the entry of a cell's turn."""
    return f"{ENTRY_SLOT}{cell.line}.{cell.turn}"
