"""The martingale (DCA) rule: what should rest now, given what is held, the price and the time.

It is asked again after everything that may matter, and answers with its whole wish: docs/decisions/0022.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from fairlead.core.model.bots.bot import Decision
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import (
    BASE_SLOT,
    NO_REASON,
    BotCommand,
    Direction,
    Instruction,
    Outcome,
    Reason,
    Tripwire,
    Urgency,
    Wake,
    Want,
    WireKind,
    want_exit,
)
from fairlead.core.model.bots.martingale import (
    AfterStop,
    Exit,
    MartingaleMemory,
    MartingaleSettings,
    Phase,
    StartAtPrice,
    StartAtTime,
    StartNow,
    StartOnSignal,
)
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ONE, ZERO
from fairlead.core.model.request import Size, SizeUnit
from fairlead.core.rules.bots.entries import SAFETY_SLOT, Entries, reach
from fairlead.core.rules.bots.ladder import Ladder, round_entry
from fairlead.core.rules.bots.ledger import footing, is_sellable, sellable
from fairlead.core.rules.bots.manual_orders import ADDED_SLOT, REDUCED_SLOT, ManualOrders
from fairlead.core.rules.bots.stop_loss import StopWatch
from fairlead.core.rules.bots.take_profit import EXIT_SLOT, TakeProfit, leaving, parts_left, step_of

CLOSE_SLOT: Final = "c"

TAKE_PROFIT: Final = "take_profit"
TRAILING: Final = "trailing_take_profit"
STOP_LOSS: Final = "stop_loss"
TIMED_OUT: Final = "close_timeout"
SIGNALED: Final = "close_signal"
ASKED: Final = "asked_to_close"
CLOSED: Final = "closed"
TOO_SMALL: Final = "too_small"
NOT_NOW: Final = Reason("not_now")

# These close what is held at market; the others wait for late fills, and go back to their exits when one comes.
_CLOSES: Final = frozenset({TRAILING, STOP_LOSS, TIMED_OUT, SIGNALED, ASKED})
_FOR_GOOD: Final = _CLOSES - {TRAILING}
_MS_PER_SECOND: Final = 1_000


class MartingaleRule:
    """One set of settings on one instrument; frozen, so that it may decide for a live bot, a preview and a replay."""

    __slots__ = ("_exits", "_is_long", "_manual", "_side", "_stops", "entries", "instrument", "ladder", "settings")

    def __init__(self, settings: MartingaleSettings, instrument: Instrument, fee_rate: Decimal) -> None:
        """Compute what does not change; ``fee_rate`` is that of the closing order, as a fraction."""
        self.settings = settings
        self.instrument = instrument
        self.ladder = Ladder(settings, instrument)
        self.entries = Entries(settings, instrument, self.ladder)
        self._exits = TakeProfit(settings, instrument, fee_rate)
        self._stops = StopWatch(settings, instrument, self.ladder, self._exits)
        self._manual = ManualOrders(instrument, self.entries, self._exits, settings)
        self._is_long = settings.direction is Direction.LONG
        self._side = settings.direction.entry

    def begin(self) -> MartingaleMemory:
        """What it remembers before it was ever asked."""
        return MartingaleMemory()

    def decide(self, memory: MartingaleMemory, deal: Deal, wake: Wake) -> Decision:
        """Say what should rest now."""
        assert wake.price > ZERO, wake
        memory, wake, guards = self._look_out(memory, wake)
        if wake.ended:
            memory = self._take_ended(memory, deal, wake)
        told = NO_REASON
        if wake.command is not None:
            memory, told = self._take_command(memory, deal, wake, wake.command)
        decision = self._answer(memory, deal, wake)
        if guards:
            decision = replace(decision, wires=(*decision.wires, *guards))
        return decision if told == NO_REASON or decision.reason != NO_REASON else replace(decision, reason=told)

    def _answer(self, memory: MartingaleMemory, deal: Deal, wake: Wake) -> Decision:
        match memory.phase:
            case Phase.WAITING | Phase.COOLING:
                return self._wait(memory, deal, wake)
            case Phase.ENTERING | Phase.IN_POSITION:
                return self._hold(memory, deal, wake)
            case Phase.EXITING:
                return self._leave(memory, deal, wake)
            case Phase.FINISHED:
                return Decision(memory, outcome=Outcome.FINISHED)

    def _look_out(self, memory: MartingaleMemory, wake: Wake) -> tuple[MartingaleMemory, Wake, tuple[Tripwire, ...]]:
        """Hold entries back for a while when the guard says so."""
        settings = self.settings
        if not settings.guard_signal:
            return memory, wake, ()
        wires = (Tripwire(WireKind.SIGNAL, signal=settings.guard_signal),)
        if settings.guard_signal in wake.signals:
            memory = replace(memory, guarded_until_ms=wake.at_ms + settings.guard_s * _MS_PER_SECOND)
        if memory.guarded_until_ms <= wake.at_ms:
            return memory, wake, wires
        until = Tripwire(WireKind.AT_TIME, at_ms=memory.guarded_until_ms)
        return memory, replace(wake, may_enter=False), (*wires, until)

    def _take_ended(self, memory: MartingaleMemory, deal: Deal, wake: Wake) -> MartingaleMemory:
        done, manual, opened = memory.done, memory.manual, memory.plan_opened
        before = steps = memory.steps_done
        anchor, last_fill = memory.anchor, memory.last_fill
        for ended in wake.ended:
            kind, number = ended.slot[0], step_of(ended.slot)
            if kind == BASE_SLOT:
                # What was filled, without fees: a fee in the coin makes the holding smaller, not the ladder higher.
                anchor = anchor or ended.price or (deal.first_price if ended.complete else ZERO)
            if kind in {BASE_SLOT, SAFETY_SLOT} and ended.complete:
                if number >= done.bit_length() - 1:
                    last_fill = ended.price or deal.last_price
                done |= 1 << number
            elif kind == EXIT_SLOT and ended.complete:
                steps |= 1 << number
            elif kind in {EXIT_SLOT, REDUCED_SLOT, CLOSE_SLOT}:
                # What is left of a part that came to an end is planned anew.
                opened = ZERO
            if kind in {ADDED_SLOT, REDUCED_SLOT}:
                manual = tuple(want for want in manual if want.slot != ended.slot)
        memory = replace(
            memory,
            done=done,
            anchor=anchor,
            last_fill=last_fill,
            steps_done=steps,
            manual=manual,
            plan_opened=opened,
        )
        planned = sum((one.quantity for one in parts_left(memory)), ZERO)
        if planned == sellable(deal, self.instrument) - leaving(memory, wake):
            return memory
        # An order of an older plan ended: what it did not cover must not be left without an exit.
        return replace(memory, plan_opened=ZERO) if steps != before else memory

    def _take_command(
        self, memory: MartingaleMemory, deal: Deal, wake: Wake, command: BotCommand
    ) -> tuple[MartingaleMemory, Reason]:
        if command.instruction is Instruction.START:
            if memory.phase not in {Phase.WAITING, Phase.COOLING, Phase.FINISHED}:
                return memory, NOT_NOW
            cycles = 0 if memory.phase is Phase.FINISHED else memory.cycles
            why = Instruction.START.value
            return replace(memory, phase=Phase.WAITING, until_ms=0, why=why, cycles=cycles), NO_REASON
        if command.instruction is Instruction.REPLAN:
            return self._replan(memory)
        if memory.phase is Phase.EXITING and command.instruction is Instruction.CLOSE:
            return (memory if memory.why in _FOR_GOOD else self._exit(memory, ASKED)), NO_REASON
        holds = memory.phase in {Phase.ENTERING, Phase.IN_POSITION} and bool(sellable(deal, self.instrument))
        # A signal has become one before a rule is asked.
        if not holds or command.instruction is Instruction.SIGNAL:
            return memory, NOT_NOW
        match command.instruction:
            case Instruction.CLOSE:
                return self._exit(memory, ASKED), NO_REASON
            case Instruction.ADD_FUNDS:
                return self._manual.add(memory, deal, wake, command)
            case Instruction.CLOSE_STEP:
                if self._trails(memory) and command.size is None:
                    return self._exit(memory, ASKED), NO_REASON
                reduced = self._manual.close_part(memory, deal, wake, command)
                return (self._exit(memory, ASKED), NO_REASON) if reduced is None else reduced

    def _replan(self, memory: MartingaleMemory) -> tuple[MartingaleMemory, Reason]:
        """Go on with what is held, on the ladder and the exit of these settings; what was filled stays filled."""
        if memory.phase is not Phase.IN_POSITION:
            return memory, NO_REASON
        fresh = replace(
            memory, triggered=memory.done, steps_done=0, steps_taken=0, plan=(), plan_opened=ZERO, peak=ZERO
        )
        return fresh, Reason(Instruction.REPLAN.value)

    def _exit(self, memory: MartingaleMemory, why: str) -> MartingaleMemory:
        return replace(memory, phase=Phase.EXITING, why=why, plan=(), plan_opened=ZERO, manual=())

    def _wait(self, memory: MartingaleMemory, deal: Deal, wake: Wake) -> Decision:
        if memory.until_ms > wake.at_ms:
            return Decision(memory, wires=(Tripwire(WireKind.AT_TIME, at_ms=memory.until_ms),))
        if memory.phase is Phase.COOLING:
            memory = replace(memory, phase=Phase.WAITING)
        if not wake.may_enter:
            return Decision(memory)
        memory, is_due, wires = self._is_start(memory, wake)
        if not is_due:
            return Decision(memory, wires=wires)
        if self.settings.start_delay_s and memory.why != Instruction.START:
            until_ms = wake.at_ms + self.settings.start_delay_s * _MS_PER_SECOND
            delayed = replace(memory, phase=Phase.COOLING, until_ms=until_ms, why=Instruction.START.value)
            return Decision(delayed, wires=(Tripwire(WireKind.AT_TIME, at_ms=until_ms),))
        anchor = self.settings.base_price or (wake.price if self.settings.base_as_limit else ZERO)
        memory = MartingaleMemory(
            phase=Phase.ENTERING,
            anchor=round_entry(self.instrument, self._side, anchor, self.settings.price_rounding),
            factor=self.entries.factor(deal, wake.price),
            # Dust of the cycle before is no entry of this one.
            plan_opened=deal.opened,
            guarded_until_ms=memory.guarded_until_ms,
            cycles=memory.cycles,
        )
        decision = self._hold(memory, deal, wake)
        return replace(decision, reason=Reason("cycle_started", (("price", wake.price), ("factor", memory.factor))))

    def _is_start(self, memory: MartingaleMemory, wake: Wake) -> tuple[MartingaleMemory, bool, tuple[Tripwire, ...]]:
        if memory.why == Instruction.START:
            return memory, True, ()
        looked, is_due, wires = self._is_condition_met(memory, wake)
        base = self.settings.base_price
        if base is None or not is_due:
            return looked, is_due, wires
        away = self.settings.base_price_tolerance / HUNDRED
        limit = base * (ONE + away if self._is_long else ONE - away)
        if (wake.price > limit) if self._is_long else (wake.price < limit):
            return memory, False, (reach(limit, falls=self._is_long), *wires)
        return looked, True, ()

    def _is_condition_met(
        self, memory: MartingaleMemory, wake: Wake
    ) -> tuple[MartingaleMemory, bool, tuple[Tripwire, ...]]:
        match self.settings.start:
            case StartNow():
                return memory, True, ()
            case StartAtTime(at_ms=at_ms):
                return memory, wake.at_ms >= at_ms, (Tripwire(WireKind.AT_TIME, at_ms=at_ms),)
            case StartOnSignal(signal=signal):
                return memory, signal in wake.signals, (Tripwire(WireKind.SIGNAL, signal=signal),)
            case StartAtPrice(price=price, falls=falls):
                reached = wake.price <= price if falls else wake.price >= price
                if not reached:
                    memory = memory if memory.was_outside else replace(memory, was_outside=True)
                    return memory, False, (reach(price, falls=falls),)
                if memory.was_outside:
                    return replace(memory, was_outside=False), True, ()
                # It must come from the other side.
                tick = self.instrument.tick_size
                return memory, False, (reach(price + (tick if falls else -tick), falls=not falls),)

    def _hold(self, memory: MartingaleMemory, deal: Deal, wake: Wake) -> Decision:
        held = sellable(deal, self.instrument)
        if memory.phase is Phase.ENTERING:
            if not held or deal.opened == memory.plan_opened:
                return self._enter(memory, deal, wake)
            memory = replace(memory, phase=Phase.IN_POSITION, began_ms=wake.at_ms)
        if not held and not self._exits.is_ending(memory, deal, wake):
            why = TAKE_PROFIT if memory.steps_done or memory.peak else CLOSED
            return self._leave(self._exit(memory, why), deal, wake)
        memory, wires, why = self._look_for_exit(memory, deal, wake)
        if why:
            return self._leave(self._exit(memory, why), deal, wake)
        memory, entries, more = self.entries.look(memory, deal, wake)
        if memory.manual:
            memory = self._manual.keep(memory, deal, wake)
        exits: tuple[Want, ...] = ()
        if not self._trails(memory):
            memory = self._exits.follow(memory, deal, wake)
            exits = self._exits.wants(memory)
        reason = NO_REASON if not wake.ended else Reason("filled", (("held", held), ("price", deal.last_price)))
        return Decision(memory, (*exits, *memory.manual, *entries), (*wires, *more), reason)

    def _trails(self, memory: MartingaleMemory) -> bool:
        after = self.settings.trailing_after_level
        return self.settings.trailing is not None and (not after or memory.done >> after > 0)

    def _enter(self, memory: MartingaleMemory, deal: Deal, wake: Wake) -> Decision:
        if memory.done & 1:
            # All of it came, and it is less than the least order: no exit could be placed for it.
            return self._leave(self._exit(memory, TOO_SMALL), deal, wake)
        if not wake.may_enter:
            return Decision(memory if wake.live else replace(memory, phase=Phase.WAITING))
        return Decision(memory, (self.entries.base(memory),))

    def _look_for_exit(
        self, memory: MartingaleMemory, deal: Deal, wake: Wake
    ) -> tuple[MartingaleMemory, tuple[Tripwire, ...], str]:
        settings = self.settings
        memory, wires, is_stopped = self._stops.look(memory, deal, wake.price, wake.at_ms)
        if is_stopped:
            return memory, (), STOP_LOSS
        if settings.close_timeout_s:
            due_ms = memory.began_ms + settings.close_timeout_s * _MS_PER_SECOND
            if wake.at_ms >= due_ms:
                return memory, (), TIMED_OUT
            wires = (*wires, Tripwire(WireKind.AT_TIME, at_ms=due_ms, urgency=Urgency.EXIT))
        if settings.close_signal:
            if settings.close_signal in wake.signals and self._is_profit_enough(deal, wake.price):
                return memory, (), SIGNALED
            wires = (*wires, Tripwire(WireKind.SIGNAL, signal=settings.close_signal, urgency=Urgency.EXIT))
        if self._trails(memory):
            memory, wire, is_due = self._exits.trail(memory, deal, wake.price)
            if is_due:
                return memory, (), TRAILING
            wires = (*wires, wire, self._exits.beyond_peak(memory)) if memory.peak else (*wires, wire)
        return memory, wires, ""

    def _is_profit_enough(self, deal: Deal, price: Decimal) -> bool:
        if self.settings.minimum_profit is None:
            return True
        wanted = self._exits.targets.take_profit(deal, self.settings.minimum_profit / HUNDRED)
        return price >= wanted if self._is_long else price <= wanted

    def _leave(self, memory: MartingaleMemory, deal: Deal, wake: Wake) -> Decision:
        if not self._exits.is_ending(memory, deal, wake) and not is_sellable(deal, self.instrument, wake.price):
            if wake.live:
                # Late fills keep the cycle open, so it ends only when nothing can fill any more.
                return Decision(memory)
            return self._end(memory, deal, wake)
        if memory.why not in _CLOSES:
            back = replace(memory, phase=Phase.IN_POSITION, steps_done=0, steps_taken=0, peak=ZERO, plan_opened=ZERO)
            return self._hold(back, deal, wake)
        held = sellable(deal, self.instrument)
        mark = footing(deal)
        if memory.plan_opened != mark:
            memory = replace(memory, plan=(Exit(CLOSE_SLOT, held, wake.price),), plan_opened=mark)
        alone = memory.why != TRAILING
        size = None if alone else Size(amount=memory.plan[0].quantity, unit=SizeUnit.NATIVE)
        close = want_exit(CLOSE_SLOT, self._side.opposite, size, alone=alone)
        # A trailing exit leaves the ladder resting until it is filled: a wick must not take the levels away.
        levels = () if alone else self.entries.look(memory, deal, wake)[1]
        return Decision(memory, (close, *levels), reason=Reason(memory.why, (("price", wake.price), ("held", held))))

    def _end(self, memory: MartingaleMemory, deal: Deal, wake: Wake) -> Decision:
        settings, cycles = self.settings, memory.cycles + 1
        stopped = memory.why == STOP_LOSS and settings.after_stop is AfterStop.STOP
        is_last = stopped or not settings.restart or 0 < settings.max_cycles <= cycles
        reason = Reason(memory.why, (("profit", deal.realized), ("cycle", Decimal(cycles))))
        if is_last:
            ended = MartingaleMemory(phase=Phase.FINISHED, cycles=cycles, why=memory.why)
            return Decision(ended, reason=reason, outcome=Outcome.FINISHED)
        until_ms = wake.at_ms + settings.cooldown_s * _MS_PER_SECOND if settings.cooldown_s else 0
        phase = Phase.COOLING if until_ms else Phase.WAITING
        after = MartingaleMemory(
            phase=phase, until_ms=until_ms, guarded_until_ms=memory.guarded_until_ms, cycles=cycles
        )
        return Decision(after, reason=reason, outcome=Outcome.CYCLE_ENDED)
