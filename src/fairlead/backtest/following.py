"""Follows signals that are given: at the close of the candle in which one came, so that it trades at the next open."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from itertools import groupby
from typing import Final

import msgspec
import numpy as np
from msgspec.structs import replace

from fairlead.backtest.signal_list import Action, Signal, SignalError
from fairlead.backtest.spec import BotSpec
from fairlead.core.model.bots.bot import Decision, Memory
from fairlead.core.model.bots.deal import Deal
from fairlead.core.model.bots.decision import Outcome, Reason, Wake, Want
from fairlead.core.model.bots.user_rule import BarFacts, RuleMemory, RuleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import ZERO
from fairlead.core.model.request import Size
from fairlead.core.rules.bots.ledger import sellable
from fairlead.core.rules.bots.rules import Rule
from fairlead.core.rules.bots.user_rule import UserRule, write_facts
from fairlead.core.rules.bots.written_rule import Answer, View, enter_long, enter_short, leave, orders
from fairlead.core.rules.bots.written_rule import Rule as WrittenRule
from fairlead.market.candles.series import CandleSeries

FOLLOWING: Final = "signals:follow"
CLOSED: Final = Reason("signal_closed")
_KEY_BYTES: Final = 16


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """A list of signals as a bot: its specification, its rule, and what it is told when."""

    bot: BotSpec
    rule: Rule
    told: Sequence[tuple[int, str]]
    left_out: int


class FollowSignals(WrittenRule):
    """Wants what the newest signals say; those of one candle are told together, in their order."""

    _groups: Sequence[Sequence[Signal]]
    _size: Size | None
    _is_spot: bool

    def __init__(self, groups: Sequence[Sequence[Signal]], size: Size | None, *, is_spot: bool) -> None:
        """Follow these; ``size`` goes before the sizes of what opens."""
        # It has no parameters that somebody types, so there is nothing for the class above to read.
        object.__setattr__(self, "_groups", groups)
        object.__setattr__(self, "_size", size)
        object.__setattr__(self, "_is_spot", is_spot)

    def decide(self, view: View) -> Answer:
        """Say what the newest group wants; asked again only to go on with a turn from short to long or back."""
        (name,) = view.holding
        group: Sequence[Signal] = self._groups[int(name)]
        is_new = view.holding != view.held_before
        if not is_new and group[-1].action not in {Action.LONG, Action.SHORT}:
            return None
        wants: list[Want] = []
        for place, signal in enumerate(group):
            slot = f"{name}.{place}"
            closes = self._closes(signal, view)
            if closes:
                # What the candle told before is overtaken.
                wants = [leave(f"{slot}c", _part(signal))] if view.position else []
            elif signal.action in {Action.BUY, Action.SELL} or not (view.position or wants):
                wants.append(self._enter(slot, signal))
        return orders(*wants)

    def _closes(self, signal: Signal, view: View) -> bool:
        match signal.action:
            case Action.CLOSE:
                return True
            case Action.BUY | Action.LONG:
                return view.position < ZERO
            case Action.SELL | Action.SHORT:
                return view.position > ZERO or self._is_spot

    def _enter(self, slot: str, signal: Signal) -> Want:
        size = self._size or signal.size
        assert size is not None, signal
        return (enter_long if signal.action in {Action.BUY, Action.LONG} else enter_short)(slot, size)


class FollowingRule:
    """The rule that the engine asks: a deal is over as soon as nothing is held any more."""

    def __init__(self, rule: UserRule, instrument: Instrument) -> None:
        """Ask this rule."""
        self._rule = rule
        self._instrument = instrument

    def begin(self) -> Memory:
        """As the rule."""
        return self._rule.begin()

    def decide(self, memory: Memory, deal: Deal, wake: Wake) -> Decision:
        """As the rule, and end the deal that was closed."""
        assert isinstance(memory, RuleMemory), memory
        decision = self._rule.decide(memory, deal, wake)
        is_closed = deal.opened > deal.quantity and not sellable(deal, self._instrument)
        return replace(decision, outcome=Outcome.CYCLE_ENDED, reason=CLOSED) if is_closed else decision


def follow(
    name: str, signals: Sequence[Signal], series: CandleSeries, instrument: Instrument, *, size: Size | None
) -> Followed:
    """Make a bot of the signals of an instrument; those outside its candles are left out and counted.

    Raises:
        SignalError: none is left, or one opens and nobody says how much.
    """
    own = [one for one in signals if not one.symbol or one.symbol == instrument.symbol]
    within = [one for one in own if series.begin_ms <= one.at_ms < series.end_ms]
    if not within:
        raise SignalError(f"none of {len(signals)} signals is for {instrument.symbol} and within its candles")
    if size is None and any(one.size is None and one.action is not Action.CLOSE for one in within):
        raise SignalError("a signal has no size: say how much with --size, such as --size '10 percent'")
    closes_ms = series.closed_ms
    # A signal at the very close of a candle is known there.
    candles = np.searchsorted(closes_ms, [one.at_ms for one in within]).tolist()
    groups = [
        (candle, [signal for _, signal in pairs])
        for candle, pairs in groupby(zip(candles, within, strict=True), key=lambda pair: pair[0])
    ]
    told = [
        (int(closes_ms[candle]), write_facts(BarFacts(closed_ms=number + 1, holds=(str(number),))))
        for number, (candle, _) in enumerate(groups)
    ]
    rule = FollowSignals([group for _, group in groups], size, is_spot=instrument.is_spot)
    return Followed(
        bot=BotSpec(
            name=name, symbol=instrument.symbol, settings=RuleSettings(rule=FOLLOWING, parameters=_key(own, size))
        ),
        rule=FollowingRule(UserRule(rule, instrument), instrument),
        told=told,
        left_out=len(signals) - len(within),
    )


def _part(signal: Signal) -> Size | None:
    """How much a signal closes: what it says itself, and a turn or a close without a size all."""
    return signal.size if signal.action in {Action.BUY, Action.SELL, Action.CLOSE} else None


def _key(signals: Sequence[Signal], size: Size | None) -> dict[str, str]:
    """What tells this list from any other, so that runs of two lists are two runs."""
    digest = blake2b(msgspec.json.encode([signals, size]), digest_size=_KEY_BYTES).hexdigest()
    return {"signals": digest, "count": str(len(signals))}
