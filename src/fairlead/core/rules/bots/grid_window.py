"""Which lines a grid has now: it may follow the price, or grow toward it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from fairlead.core.model.bots.decision import Tripwire, WireKind
from fairlead.core.model.bots.grid import SHIFTS_MAX, GridDirection, GridMemory, GridSettings
from fairlead.core.rules.bots.grid_cells import CellBook
from fairlead.core.rules.bots.grid_lines import GridLines

MOVES_MAX: Final = 2 * SHIFTS_MAX


class GridWindow:
    """Moves and grows a grid.

    A cell is added once the price is on that side of it where it holds nothing, so that its entry can rest. Only a
    grid that follows the price against itself adds a cell that must hold: it takes over what the cell holds that is
    dropped at the other end. So following costs no order, and what is held never exceeds the lines.
    """

    def __init__(self, settings: GridSettings, lines: GridLines) -> None:
        """Take what does not change."""
        self._settings = settings
        self._lines = lines
        self._is_long = settings.direction is GridDirection.LONG
        self._is_short = settings.direction is GridDirection.SHORT

    def bottom(self, memory: GridMemory) -> int:
        """The lowest line."""
        return memory.shift - memory.added_down

    def top(self, memory: GridMemory) -> int:
        """The highest line."""
        return memory.shift + self._settings.lines + memory.added_up

    def follow(self, memory: GridMemory, book: CellBook, price: Decimal) -> GridMemory:
        """Move and grow until the price touches no edge."""
        for _ in range(MOVES_MAX):
            up, down = self._edge_up(memory), self._edge_down(memory)
            if up is not None and price >= up:
                memory = self._go_up(memory, book)
            elif down is not None and price <= down:
                memory = self._go_down(memory, book)
            else:
                break
        return memory

    def wires(self, memory: GridMemory) -> tuple[Tripwire, ...]:
        """The prices at which it would move or grow."""
        up, down = self._edge_up(memory), self._edge_down(memory)
        wires = () if up is None else (Tripwire(WireKind.AT_OR_ABOVE, up),)
        return wires if down is None else (*wires, Tripwire(WireKind.AT_OR_BELOW, down))

    def _edge_up(self, memory: GridMemory) -> Decimal | None:
        top = self.top(memory)
        if memory.added_up < self._settings.expand_up:
            return self._lines.price(top + 1 if self._is_long else top)
        limit = self._settings.trail_up
        if limit is None or memory.shift >= SHIFTS_MAX or self._lines.price(top + 1) > limit:
            return None
        return self._lines.price(top + 1)

    def _edge_down(self, memory: GridMemory) -> Decimal | None:
        bottom = self.bottom(memory)
        beyond = self._lines.price(bottom - 1)
        if beyond < self._lines.instrument.tick_size:
            return None
        if memory.added_down < self._settings.expand_down:
            return beyond if self._is_short else self._lines.price(bottom)
        limit = self._settings.trail_down
        if limit is None or memory.shift <= -SHIFTS_MAX or beyond < limit:
            return None
        return beyond

    def _go_up(self, memory: GridMemory, book: CellBook) -> GridMemory:
        if memory.added_up < self._settings.expand_up:
            return replace(memory, added_up=memory.added_up + 1)
        if self._is_short:
            book.move(self.bottom(memory), self.top(memory))
        return replace(memory, shift=memory.shift + 1)

    def _go_down(self, memory: GridMemory, book: CellBook) -> GridMemory:
        if memory.added_down < self._settings.expand_down:
            return replace(memory, added_down=memory.added_down + 1)
        if self._is_long:
            book.move(self.top(memory) - 1, self.bottom(memory) - 1)
        return replace(memory, shift=memory.shift - 1)
