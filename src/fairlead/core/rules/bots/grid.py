"""The grid rule: every cell either waits to open at one of its lines, or to close at the other.

What rests follows from what the cells hold, not from how the price got there, so a line that was jumped over, an order
that somebody took back and a pause are all made good by asking again: docs/decisions/0022.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from fairlead.core.model.bots.bot import Decision
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import (
    NO_REASON,
    Instruction,
    Outcome,
    Reason,
    Tripwire,
    Wake,
    Want,
    WireKind,
    want_entry,
    want_exit,
)
from fairlead.core.model.bots.grid import GridCell, GridDirection, GridMemory, GridPhase, GridSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side, Size, SizeUnit
from fairlead.core.rules.bots.grid_cells import EXIT_SLOT, CellBook, entry_slot
from fairlead.core.rules.bots.grid_limits import GridLimits
from fairlead.core.rules.bots.grid_lines import GridLines
from fairlead.core.rules.bots.grid_window import GridWindow
from fairlead.core.rules.bots.ledger import sellable

FIRST_SLOT: Final = "i"
CLOSE_SLOT: Final = "c"
ASKED: Final = "asked_to_close"
DUST_ALLOWANCE: Final = Decimal("1.05")
"""How much more than their sizes the lines of a grid may hold together: dust that a later sale takes along."""


class GridRule:
    """One set of settings on one instrument; frozen, so that it may decide for a live bot, a preview and a replay."""

    def __init__(self, settings: GridSettings, instrument: Instrument) -> None:
        """Compute what does not change; whether the settings make sense is for ``grid_problems`` to say."""
        self.settings = settings
        self.instrument = instrument
        self.lines = GridLines(settings, instrument)
        self._window = GridWindow(settings, self.lines)
        self._limits = GridLimits(settings, self.lines)
        self._ladder = f"{settings.lower}:{settings.upper}:{settings.lines}:{settings.spacing}:{settings.direction}"

    def begin(self) -> GridMemory:
        """What it remembers before it was ever asked."""
        return GridMemory(ladder=self._ladder)

    def decide(self, memory: GridMemory, deal: Deal, wake: Wake) -> Decision:
        """Say what should rest now."""
        assert wake.price > ZERO, wake
        if memory.phase is GridPhase.FINISHED:
            return Decision(memory, outcome=Outcome.FINISHED)
        if memory.ladder != self._ladder:
            # New settings come only while nothing is held and nothing rests.
            memory = self.begin()
        book = self._open_book(memory)
        memory = self._take_ended(memory, book, wake)
        why = self._why_close(deal, wake)
        if why or memory.phase is GridPhase.CLOSING:
            closing = replace(memory, phase=GridPhase.CLOSING, why=memory.why or why)
            return self._close(book.save(closing), deal, wake)
        reason = NO_REASON
        if memory.phase is GridPhase.WAITING:
            memory, wires = self._wait(memory, wake)
            if memory.phase is GridPhase.WAITING:
                return Decision(memory, wires=(*wires, *self._limits.wires(deal)))
            book = self._open_book(memory)
            reason = Reason("grid_started", (("price", wake.price), ("line", Decimal(memory.pivot))))
        if memory.phase is GridPhase.OPENING:
            wants = self._first(memory) if wake.may_enter else ()
            return Decision(book.save(memory), wants, self._limits.wires(deal), reason)
        if wake.ended:
            reason = Reason("filled", (("held", deal.quantity), ("rounds", Decimal(book.save(memory).rounds))))
        return self._run(memory, book, deal, wake, reason)

    def _is_long(self, memory: GridMemory, cell: int) -> bool:
        if self.settings.direction is GridDirection.NEUTRAL:
            return cell < memory.pivot
        return self.settings.direction is GridDirection.LONG

    def _open_book(self, memory: GridMemory) -> CellBook:
        return CellBook(memory, self.instrument, lambda cell: self._is_long(memory, cell))

    def _take_ended(self, memory: GridMemory, book: CellBook, wake: Wake) -> GridMemory:
        for ended in wake.ended:
            if ended.slot != FIRST_SLOT:
                book.take(ended)
            elif ended.complete and memory.phase is GridPhase.OPENING:
                book.share_out(ended.quantity - ended.fee_base, self._first_cells(memory))
                memory = replace(memory, phase=GridPhase.RUNNING)
        return memory

    def _why_close(self, deal: Deal, wake: Wake) -> str:
        if wake.command is not None and wake.command.instruction is Instruction.CLOSE:
            return ASKED
        return self._limits.due(deal, wake.price)

    def _wait(self, memory: GridMemory, wake: Wake) -> tuple[GridMemory, tuple[Tripwire, ...]]:
        """Wait for the price to come to where the grid starts, from whichever side it is now."""
        memory = memory if memory.first_price else replace(memory, first_price=wake.price)
        start = self.settings.start_price
        is_told = wake.command is not None and wake.command.instruction is Instruction.START
        if start is not None and not is_told:
            falls = memory.first_price > start
            if wake.price > start if falls else wake.price < start:
                kind = WireKind.AT_OR_BELOW if falls else WireKind.AT_OR_ABOVE
                return memory, (Tripwire(kind, start),)
        if not wake.may_enter:
            return memory, ()
        pivot = self.lines.nearest(wake.price)
        begun = replace(memory, pivot=pivot, long_armed=pivot, short_armed=pivot)
        phase = GridPhase.OPENING if self._first(begun) else GridPhase.RUNNING
        return replace(begun, phase=phase), ()

    def _first_cells(self, memory: GridMemory) -> Sequence[tuple[int, Decimal]]:
        """What cells beyond the price must hold from the start."""
        direction, pivot = self.settings.direction, memory.pivot
        if not self.settings.initial or direction is GridDirection.NEUTRAL:
            return ()
        is_long = direction is GridDirection.LONG
        cells = range(pivot, self.settings.lines) if is_long else range(pivot - 1, -1, -1)
        return [(cell, self.lines.quantity(cell, is_long=is_long)) for cell in cells]

    def _first(self, memory: GridMemory) -> tuple[Want, ...]:
        quantity = sum((part for _, part in self._first_cells(memory)), ZERO)
        side = Side.BUY if self.settings.direction is GridDirection.LONG else Side.SELL
        return (want_entry(FIRST_SLOT, side, _native(quantity)),) if quantity else ()

    def _run(self, memory: GridMemory, book: CellBook, deal: Deal, wake: Wake, reason: Reason) -> Decision:
        self._believe(memory, book, deal, wake)
        shift = memory.shift
        memory = self._window.follow(memory, book, wake.price)
        if memory.shift != shift and reason == NO_REASON:
            reason = Reason("grid_moved", (("price", wake.price), ("shift", Decimal(memory.shift))))
        self._arm(memory, book, wake.price)
        entries = self._entries(book.save(memory), book, deal, wake) if wake.may_enter else ()
        wanted = {want.slot for want in entries}
        resting = {slot for slot, _ in wake.resting}
        for cell in book.parted:
            # Nobody will order the rest of it: what is there is closed like a whole.
            if entry_slot(cell) not in wanted | resting:
                book.adopt(cell)
        wants = (*self._exits(memory, book, deal, wake), *entries)
        wires = (*self._limits.wires(deal), *self._window.wires(memory), *self._arming_wires(memory, book))
        return Decision(book.save(memory), wants, wires, reason)

    def _arm(self, memory: GridMemory, book: CellBook, price: Decimal) -> None:
        """Let cells enter that the price has been beyond: their entry can rest."""
        bottom, top = self._window.bottom(memory), self._window.top(memory)
        line = self.lines.first_at_or_above(price, bottom=bottom, top=top)
        book.long_armed = max(book.long_armed, line)
        is_on_line = line <= top and self.lines.price(line) == price
        book.short_armed = min(book.short_armed, line if is_on_line else line - 1)

    def _arming_wires(self, memory: GridMemory, book: CellBook) -> tuple[Tripwire, ...]:
        wires = []
        cell, tick = book.long_armed, self.instrument.tick_size
        if cell < self._window.top(memory) and self._is_long(memory, cell):
            wires.append(Tripwire(WireKind.AT_OR_ABOVE, self.lines.price(cell) + tick))
        cell = book.short_armed - 1
        if cell >= self._window.bottom(memory) and not self._is_long(memory, cell):
            wires.append(Tripwire(WireKind.AT_OR_BELOW, self.lines.price(cell + 1) - tick))
        return tuple(wires)

    def _entries(self, memory: GridMemory, book: CellBook, deal: Deal, wake: Wake) -> tuple[Want, ...]:
        longs, shorts = [], []
        lines = range(self._window.bottom(memory), self._window.top(memory))
        for line in lines:
            cell = book.cell(line)
            if cell.quantity:
                continue
            if self._is_long(memory, line):
                if line < book.long_armed:
                    size = _native(self.lines.quantity(line, is_long=True))
                    longs.append(want_entry(entry_slot(cell), Side.BUY, size, self.lines.price(line)))
            elif line >= book.short_armed:
                size = _native(self.lines.quantity(line, is_long=False))
                shorts.append(want_entry(entry_slot(cell), Side.SELL, size, self.lines.price(line + 1)))
        # Nearest to the price first: that is the highest line to buy at, and the lowest to sell at.
        # What trailing left behind is held beside the lines, so it takes the place of one.
        free = max(0, len(lines) - len(book.held))
        wants = (*self._nearest(longs[::-1])[:free], *self._nearest(shorts)[:free])
        return wants if self.settings.direction is GridDirection.NEUTRAL else self._within(wants, memory, deal, wake)

    def _within(self, wants: Sequence[Want], memory: GridMemory, deal: Deal, wake: Wake) -> tuple[Want, ...]:
        """As many entries as fit beside what is held into what the lines may hold together.

        Parts of entries that trailing left behind are small, but may be many.
        """
        is_long = self.settings.direction is GridDirection.LONG
        lines = range(self._window.bottom(memory), self._window.top(memory))
        room = sum((self.lines.quantity(line, is_long=is_long) for line in lines), ZERO) * DUST_ALLOWANCE
        room -= deal.quantity
        filled = dict(wake.resting)
        parts = {entry_slot(cell): cell.part for cell in memory.cells}
        fitting: list[Want] = []
        for want in wants:
            assert want.size is not None
            room -= want.size.amount - parts.get(want.slot, ZERO) - filled.get(want.slot, ZERO)
            if room < ZERO:
                break
            fitting.append(want)
        return tuple(fitting)

    def _exits(self, memory: GridMemory, book: CellBook, deal: Deal, wake: Wake) -> tuple[Want, ...]:
        longs, shorts = [], []
        for cell in book.held:
            if self._is_long(memory, cell.line):
                longs.append(self._exit(cell, deal, is_long=True))
            else:
                shorts.append(self._exit(cell, deal, is_long=False))
        wants = (*self._nearest(longs), *self._nearest(shorts[::-1]))
        return tuple(want for want in wants if wake.may_enter or not want.opens)

    def _exit(self, cell: GridCell, deal: Deal, *, is_long: bool) -> Want:
        side = Side.SELL if is_long else Side.BUY
        price = self.lines.price(cell.line + 1 if is_long else cell.line)
        want = want_exit(cell.slot, side, _native(cell.quantity), price)
        is_net = deal.quantity > ZERO and deal.is_long is is_long
        # Where both sides are held at once, what closes this one opens on the account's net position.
        return want if is_net or self.settings.direction is not GridDirection.NEUTRAL else replace(want, opens=True)

    def _nearest(self, wants: Sequence[Want]) -> Sequence[Want]:
        return wants[: self.settings.active_lines] if self.settings.active_lines else wants

    def _believe(self, memory: GridMemory, book: CellBook, deal: Deal, wake: Wake) -> None:
        """Follow the ledger where somebody else has closed what cells hold; nothing of it is opened again at once."""
        left = {slot: filled for slot, filled in wake.resting if slot.startswith(EXIT_SLOT)}
        other = {slot: filled for slot, filled in wake.resting if not slot.startswith(EXIT_SLOT)}
        signed = deal.quantity if deal.is_long else -deal.quantity
        for is_long in (True, False):
            mine = [cell for cell in book.held if self._is_long(memory, cell.line) is is_long]
            if not mine:
                continue
            theirs = [cell for cell in book.held if self._is_long(memory, cell.line) is not is_long]
            against = sum((cell.quantity for cell in theirs), ZERO)
            if self.settings.direction is GridDirection.NEUTRAL:
                against += sum(other.values(), ZERO) + sum((cell.part for cell in book.parted), ZERO)
            expected = sum((cell.quantity - left.get(cell.slot, ZERO) for cell in mine), ZERO) - against
            gone = expected - (signed if is_long else -signed)
            if gone >= max(self.instrument.lot_size, self.instrument.quantity_min):
                book.lose(gone, mine[::-1] if is_long else mine)
                if is_long:
                    book.long_armed = min(book.long_armed, mine[0].line)
                else:
                    book.short_armed = max(book.short_armed, mine[-1].line + 1)

    def _close(self, memory: GridMemory, deal: Deal, wake: Wake) -> Decision:
        if not sellable(deal, self.instrument):
            if wake.live:
                # An order that still rests may fill, and what it fills must be closed, too.
                return Decision(memory)
            reason = Reason(memory.why, (("profit", deal.realized), ("rounds", Decimal(memory.rounds))))
            return Decision(
                replace(memory, phase=GridPhase.FINISHED, cells=()), reason=reason, outcome=Outcome.FINISHED
            )
        side = Side.SELL if deal.is_long else Side.BUY
        reason = Reason(memory.why, (("price", wake.price), ("held", deal.quantity)))
        return Decision(memory, (want_exit(CLOSE_SLOT, side, None, alone=True),), reason=reason)


def _native(quantity: Decimal) -> Size:
    return Size(amount=quantity, unit=SizeUnit.NATIVE)
