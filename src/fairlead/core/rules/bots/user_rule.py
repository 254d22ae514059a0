"""Runs a rule that somebody wrote: asks it when something happened, and turns its target into orders.

Between two questions nothing is asked of it, so its answer is remembered, and what should rest follows from that.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from fairlead.core.model.bots.bot import Decision
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import (
    NO_REASON,
    Direction,
    Instruction,
    Reason,
    SlotEnded,
    Tripwire,
    Urgency,
    Wake,
    Want,
    WireKind,
    want_entry,
    want_exit,
)
from fairlead.core.model.bots.user_rule import BarFacts, Orders, RuleMemory, Target
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Side, Size, SizeUnit
from fairlead.core.rules.bots.ladder import whole_lots
from fairlead.core.rules.bots.ledger import average_price, sellable
from fairlead.core.rules.bots.written_rule import Answer, Rule, View

FACTS_SIGNAL: Final = "bars "
"""What a signal begins with that tells a rule about its conditions."""

TARGET_SLOT: Final = "t"
TURN_SLOT: Final = "f"
OWN_SLOT: Final = "u"
STOP_LOSS: Final = "stop_loss"
TAKE_PROFIT: Final = "take_profit"
_FACTS: Final = msgspec.json.Decoder(BarFacts)
_FLAT: Final = Target()


def write_facts(facts: BarFacts) -> str:
    """Facts as the signal that tells them."""
    return FACTS_SIGNAL + msgspec.json.encode(facts).decode()


def read_facts(signal: str) -> BarFacts | None:
    """The facts that a signal tells, if it tells any."""
    return _FACTS.decode(signal.removeprefix(FACTS_SIGNAL)) if signal.startswith(FACTS_SIGNAL) else None


class UserRule:
    """A rule of somebody's own on one instrument."""

    def __init__(self, rule: Rule, instrument: Instrument) -> None:
        """Run this rule."""
        self.rule = rule
        self._instrument = instrument
        self._names = frozenset(rule.conditions())

    def begin(self) -> RuleMemory:
        """What is remembered before it was ever asked."""
        return RuleMemory()

    def decide(self, memory: RuleMemory, deal: Deal, wake: Wake) -> Decision:
        """Say what should rest now; the rule itself is asked only when something happened."""
        memory, happened = _hear(memory, wake)
        reason = NO_REASON
        protects = self._protects(memory, deal, wake.price)
        if wake.command is not None and wake.command.instruction is Instruction.CLOSE:
            memory, reason = self._take(memory, _FLAT, wake.price), Reason("asked_to_close")
        else:
            if protects:
                memory, reason = self._take(memory, _FLAT, wake.price), Reason(protects, (("price", wake.price),))
            number = memory.number
            memory = self._consult(memory, deal, wake, happened=happened and not protects)
            if memory.number != number:
                reason = Reason("rule_answered", (("price", wake.price), ("target", memory.quantity)))
        if memory.orders is not None:
            return Decision(memory, self._own(memory.orders, memory, deal, wake), self._wires(memory, deal), reason)
        memory, wants = self._toward(memory, deal, wake)
        return Decision(memory, wants, self._wires(memory, deal), reason)

    def _consult(self, memory: RuleMemory, deal: Deal, wake: Wake, *, happened: bool) -> RuleMemory:
        """Ask the rule about each change of its conditions in turn, else once about what happened."""
        known = memory.facts
        told = [facts for signal in wake.signals if (facts := read_facts(signal)) is not None]
        for facts in told:
            if known is None or facts.closed_ms > known.closed_ms:
                answer = self._ask(facts, deal, wake, frozenset() if known is None else frozenset(known.holds))
                memory = self._take(replace(memory, facts=facts), answer, wake.price)
                known, happened = facts, False
        if happened and known is not None:
            memory = self._take(memory, self._ask(known, deal, wake, frozenset(known.holds)), wake.price)
        return memory

    def _ask(self, facts: BarFacts, deal: Deal, wake: Wake, held_before: frozenset[str]) -> Answer:
        view = View(
            price=wake.price,
            position=_signed(deal),
            average=average_price(deal, self._instrument),
            holding=frozenset(facts.holds),
            held_before=held_before,
            names=self._names,
            values={name: Decimal(str(value)) for name, value in facts.values},
        )
        return self.rule.decide(view)

    def _protects(self, memory: RuleMemory, deal: Deal, price: Decimal) -> str:
        """Why the position must be closed now."""
        target = memory.target
        if target is None or target.direction is None or not sellable(deal, self._instrument):
            return ""
        if target.stop is not None and (price <= target.stop if deal.is_long else price >= target.stop):
            return STOP_LOSS
        aim = target.take_profit
        return TAKE_PROFIT if aim is not None and (price >= aim if deal.is_long else price <= aim) else ""

    def _take(self, memory: RuleMemory, answer: Answer, price: Decimal) -> RuleMemory:
        match answer:
            case None:
                return memory
            case Orders():
                if answer == memory.orders:
                    return memory
                names = {want.slot for want in answer.wants}
                done = tuple(name for name in memory.done if name in names)
                return replace(
                    memory, target=None, orders=answer, done=done, ask_at=answer.ask_at, named_at=price, working=None
                )
            case Target():
                return self._take_target(memory, answer, price)

    def _take_target(self, memory: RuleMemory, target: Target, price: Decimal) -> RuleMemory:
        known = memory.target
        if known == target and memory.orders is None:
            return memory
        memory = replace(memory, target=target, orders=None, done=(), ask_at=target.ask_at, named_at=price)
        if known is not None and (known.direction, known.size) == (target.direction, target.size):
            # Only where it is given up has moved.
            return memory
        return replace(
            memory, number=memory.number + 1, quantity=self._quantity(target, price), is_reached=False, working=None
        )

    def _quantity(self, target: Target, price: Decimal) -> Decimal:
        is_short = target.direction is Direction.SHORT
        if target.direction is None or target.size is None or (is_short and self._instrument.is_spot):
            return ZERO
        quantity = whole_lots(self._instrument, target.size, price)
        return -quantity if is_short else quantity

    def _own(self, orders: Orders, memory: RuleMemory, deal: Deal, wake: Wake) -> tuple[Want, ...]:
        """The orders that the rule named, on ticks, without those that are filled."""
        wants = []
        for want in orders.wants:
            if want.slot in memory.done or (want.opens and not wake.may_enter):
                continue
            side = want.side
            if not want.opens:
                if not sellable(deal, self._instrument):
                    continue
                side = Side.SELL if deal.is_long else Side.BUY
            price = want.price
            if price is not None:
                tick = self._instrument.round_price_down if side is Side.BUY else self._instrument.round_price_up
                price = tick(price)
            wants.append(replace(want, slot=f"{OWN_SLOT}{want.slot}", side=side, price=price))
        return tuple(wants)

    def _toward(self, memory: RuleMemory, deal: Deal, wake: Wake) -> tuple[RuleMemory, tuple[Want, ...]]:
        """The one order that leads from what is held to the target."""
        working = memory.working
        if working is not None and any(slot == working.slot for slot, _ in wake.resting):
            return memory, (working,) if wake.may_enter or not working.opens else ()
        if memory.target is None or memory.is_reached or wake.live:
            # What an earlier target had resting must be over first: what it filled counts.
            return memory, ()
        want = self._next(memory, deal)
        if want is None:
            return replace(memory, is_reached=True, working=None), ()
        if want.opens and not wake.may_enter:
            return memory, ()
        return (memory if want == working else replace(memory, working=want)), (want,)

    def _next(self, memory: RuleMemory, deal: Deal) -> Want | None:
        held, wanted = _signed(deal), memory.quantity
        slot = f"{TARGET_SLOT}{memory.number}"
        side = Side.SELL if held > ZERO else Side.BUY
        if sellable(deal, self._instrument) and (not wanted or (wanted > ZERO) is not (held > ZERO)):
            return want_exit(slot if not wanted else f"{TURN_SLOT}{memory.number}", side, None, alone=True)
        lots = self._instrument.round_quantity_down(abs(wanted) - abs(held))
        if not wanted or abs(lots) < self._instrument.quantity_min or not lots:
            return None
        size = Size(amount=abs(lots), unit=SizeUnit.NATIVE)
        if lots < ZERO:
            return want_exit(slot, side, size)
        return want_entry(slot, Side.BUY if wanted > ZERO else Side.SELL, size)

    def _wires(self, memory: RuleMemory, deal: Deal) -> tuple[Tripwire, ...]:
        wires = []
        for price in memory.ask_at:
            kind = WireKind.AT_OR_BELOW if price <= memory.named_at else WireKind.AT_OR_ABOVE
            wires.append(Tripwire(kind, price))
        target = memory.target
        if target is not None and deal.quantity:
            losing = WireKind.AT_OR_BELOW if deal.is_long else WireKind.AT_OR_ABOVE
            winning = WireKind.AT_OR_ABOVE if deal.is_long else WireKind.AT_OR_BELOW
            if target.stop is not None:
                wires.append(Tripwire(losing, target.stop, urgency=Urgency.STOP))
            if target.take_profit is not None:
                wires.append(Tripwire(winning, target.take_profit, urgency=Urgency.EXIT))
        return tuple(wires)


def _hear(memory: RuleMemory, wake: Wake) -> tuple[RuleMemory, bool]:
    """Take what became of orders and prices, and whether the rule is to be asked about it."""
    for ended in wake.ended:
        memory = _take_ended(memory, ended)
    left = tuple(price for price in memory.ask_at if not _is_reached(price, memory.named_at, wake.price))
    if left == memory.ask_at:
        return memory, bool(wake.ended)
    return replace(memory, ask_at=left), True


def _take_ended(memory: RuleMemory, ended: SlotEnded) -> RuleMemory:
    if ended.slot.startswith(OWN_SLOT):
        return replace(memory, done=(*memory.done, ended.slot.removeprefix(OWN_SLOT))) if ended.complete else memory
    if ended.slot != f"{TARGET_SLOT}{memory.number}":
        return memory
    # Fees in the coin make it a little less than was wanted, and that is not bought again.
    is_reached = ended.complete or ended.reason == "below_min_size"
    return replace(memory, working=None, is_reached=memory.is_reached or is_reached)


def _is_reached(price: Decimal, named_at: Decimal, last: Decimal) -> bool:
    return last <= price if price <= named_at else last >= price


def _signed(deal: Deal) -> Decimal:
    return deal.quantity if deal.is_long else -deal.quantity
