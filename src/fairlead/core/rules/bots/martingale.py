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
    want_entry,
    want_exit,
)
from fairlead.core.model.bots.martingale import (
    AfterStop,
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
from fairlead.core.rules.bots.entries import BASE_SLOT, SAFETY_SLOT, Entries, reach
from fairlead.core.rules.bots.ladder import Ladder, round_entry
from fairlead.core.rules.bots.ledger import sellable
from fairlead.core.rules.bots.stop_loss import StopWatch
from fairlead.core.rules.bots.take_profit import EXIT_SLOT, TakeProfit

CLOSE_SLOT: Final = "c"
ADDED_SLOT: Final = "m"
REDUCED_SLOT: Final = "q"

TAKE_PROFIT: Final = "take_profit"
TRAILING: Final = "trailing_take_profit"
STOP_LOSS: Final = "stop_loss"
TIMED_OUT: Final = "close_timeout"
SIGNALED: Final = "close_signal"
ASKED: Final = "asked_to_close"
# These leave the ladder resting until the exit is filled: a wick must not take the levels away.
_KEEPS_LEVELS: Final = frozenset({TAKE_PROFIT, TRAILING})
_MS_PER_SECOND: Final = 1_000


class MartingaleRule:
    """One set of settings on one instrument; frozen, so that it may decide for a live bot, a preview and a replay."""

    __slots__ = ("_exits", "_is_long", "_side", "_stops", "entries", "instrument", "ladder", "settings")

    def __init__(self, settings: MartingaleSettings, instrument: Instrument, fee_rate: Decimal) -> None:
        """Compute what does not change; ``fee_rate`` is that of the closing order, as a fraction."""
        self.settings = settings
        self.instrument = instrument
        self.ladder = Ladder(settings, instrument)
        self.entries = Entries(settings, instrument, self.ladder)
        self._exits = TakeProfit(settings, instrument, fee_rate)
        self._stops = StopWatch(settings, instrument, self.ladder, self._exits)
        self._is_long = settings.direction is Direction.LONG
        self._side = settings.direction.entry

    def begin(self) -> MartingaleMemory:
        """What it remembers before it was ever asked."""
        return MartingaleMemory()

    def decide(self, memory: MartingaleMemory, deal: Deal, wake: Wake) -> Decision:
        """Say what should rest now."""
        assert wake.price > ZERO, wake
        if wake.ended:
            memory = self._take_ended(memory, deal, wake)
        if wake.command is not None:
            memory = self._take_command(memory, deal, wake.command)
        match memory.phase:
            case Phase.WAITING | Phase.COOLING:
                return self._wait(memory, deal, wake)
            case Phase.ENTERING | Phase.IN_POSITION:
                return self._hold(memory, deal, wake)
            case Phase.EXITING:
                return self._leave(memory, deal, wake)
            case Phase.FINISHED:
                return Decision(memory, outcome=Outcome.FINISHED)

    def _take_ended(self, memory: MartingaleMemory, deal: Deal, wake: Wake) -> MartingaleMemory:
        done, steps, manual, opened = memory.done, memory.steps_done, memory.manual, memory.plan_opened
        anchor = memory.anchor
        for ended in wake.ended:
            kind, number = ended.slot[0], ended.slot[1:]
            if kind == BASE_SLOT and (ended.complete or deal.quantity):
                done |= 1
                # What was filled, without fees: a fee in the coin makes the holding smaller, not the ladder higher.
                anchor = anchor or ended.price or deal.first_price
            elif kind == SAFETY_SLOT and ended.complete:
                done |= 1 << int(number)
            elif kind == EXIT_SLOT:
                steps = max(steps, int(number)) if ended.complete else steps
                # What is left of a part that somebody took back is planned anew.
                opened = opened if ended.complete else ZERO
            elif kind in {ADDED_SLOT, REDUCED_SLOT}:
                manual = tuple(want for want in manual if want.slot != ended.slot)
        return replace(memory, done=done, anchor=anchor, steps_done=steps, manual=manual, plan_opened=opened)

    def _take_command(self, memory: MartingaleMemory, deal: Deal, command: BotCommand) -> MartingaleMemory:
        holds = memory.phase in {Phase.ENTERING, Phase.IN_POSITION} and bool(sellable(deal, self.instrument))
        if command.instruction is Instruction.START and memory.phase in {Phase.WAITING, Phase.COOLING}:
            return replace(memory, phase=Phase.WAITING, until_ms=0, why=Instruction.START.value)
        if command.instruction is Instruction.CLOSE and holds:
            return replace(memory, phase=Phase.EXITING, why=ASKED)
        if command.instruction is Instruction.ADD_FUNDS and holds:
            want = want_entry(f"{ADDED_SLOT}{command.number}", self._side, command.size)
            return replace(memory, manual=(*memory.manual, want))
        if command.instruction is Instruction.CLOSE_STEP and holds:
            left = [one for one in memory.plan if int(one.slot[1:]) > memory.steps_done]
            part = left[0].quantity if left else sellable(deal, self.instrument)
            size = command.size or Size(amount=part, unit=SizeUnit.NATIVE)
            want = want_exit(f"{REDUCED_SLOT}{command.number}", self._side.opposite, size)
            # What the exit holds of the balance must be free first: the plan is made anew without this part.
            return replace(memory, manual=(*memory.manual, want), plan=(), plan_opened=ZERO)
        return memory

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
        anchor = self.settings.base_price or (wake.price if self.settings.base_as_limit else ZERO)
        memory = MartingaleMemory(
            phase=Phase.ENTERING,
            anchor=round_entry(self.instrument, self._side, anchor, self.settings.price_rounding),
            factor=self.entries.factor(deal, wake.price),
            # Dust of the cycle before is no entry of this one.
            plan_opened=deal.opened,
            began_ms=wake.at_ms,
            cycles=memory.cycles,
        )
        decision = self._hold(memory, deal, wake)
        return replace(decision, reason=Reason("cycle_started", (("price", wake.price), ("factor", memory.factor))))

    def _is_start(self, memory: MartingaleMemory, wake: Wake) -> tuple[MartingaleMemory, bool, tuple[Tripwire, ...]]:
        if memory.why == Instruction.START:
            return memory, True, ()
        base, start = self.settings.base_price, self.settings.start
        if base is not None:
            away = self.settings.base_price_tolerance / HUNDRED
            limit = base * (ONE + away if self._is_long else ONE - away)
            if (wake.price > limit) if self._is_long else (wake.price < limit):
                return memory, False, (reach(limit, falls=self._is_long),)
        match start:
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
                return self._enter(memory, wake)
            memory = replace(memory, phase=Phase.IN_POSITION)
        if not held:
            why = TAKE_PROFIT if memory.steps_done or memory.peak else "closed"
            return self._leave(replace(memory, phase=Phase.EXITING, why=why), deal, wake)
        memory, wires, why = self._look_for_exit(memory, deal, wake)
        if why:
            return self._leave(replace(memory, phase=Phase.EXITING, why=why), deal, wake)
        memory, entries, more = self.entries.look(memory, deal, wake)
        exits: tuple[Want, ...] = ()
        if not self._trails(memory):
            memory = self._exits.follow(memory, deal)
            exits = self._exits.wants(memory)
        reason = NO_REASON if not wake.ended else Reason("filled", (("held", held), ("price", deal.last_price)))
        return Decision(memory, (*exits, *memory.manual, *entries), (*wires, *more), reason)

    def _trails(self, memory: MartingaleMemory) -> bool:
        return self.settings.trailing is not None and memory.done >> self.settings.trailing_after_level > 0

    def _enter(self, memory: MartingaleMemory, wake: Wake) -> Decision:
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
        held = sellable(deal, self.instrument)
        if not held:
            if wake.live:
                # Late fills keep the cycle open, so it ends only when nothing can fill any more.
                return Decision(memory)
            return self._end(memory, deal, wake)
        if memory.why in {TAKE_PROFIT, "closed"}:
            back = replace(memory, phase=Phase.IN_POSITION, steps_done=0, peak=ZERO, plan_opened=ZERO)
            return self._hold(back, deal, wake)
        alone = memory.why not in _KEEPS_LEVELS
        size = None if alone else Size(amount=held, unit=SizeUnit.NATIVE)
        close = want_exit(CLOSE_SLOT, self._side.opposite, size, alone=alone)
        levels = () if alone else self.entries.look(memory, deal, wake)[1]
        return Decision(memory, (close, *levels), reason=Reason(memory.why, (("price", wake.price), ("held", held))))

    def _end(self, memory: MartingaleMemory, deal: Deal, wake: Wake) -> Decision:
        settings, cycles = self.settings, memory.cycles + 1
        stopped = memory.why == STOP_LOSS and settings.after_stop is AfterStop.STOP
        is_last = stopped or not settings.restart or cycles == settings.max_cycles
        reason = Reason(memory.why, (("profit", deal.realized), ("cycle", Decimal(cycles))))
        if is_last:
            ended = MartingaleMemory(phase=Phase.FINISHED, cycles=cycles, why=memory.why)
            return Decision(ended, reason=reason, outcome=Outcome.FINISHED)
        until_ms = wake.at_ms + settings.cooldown_s * _MS_PER_SECOND if settings.cooldown_s else 0
        phase = Phase.COOLING if until_ms else Phase.WAITING
        after = MartingaleMemory(phase=phase, until_ms=until_ms, cycles=cycles)
        return Decision(after, reason=reason, outcome=Outcome.CYCLE_ENDED)
