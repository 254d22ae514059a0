"""One bot in memory: what it has heard and not yet acted on, and the step that it takes next."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from fairlead.core.model.account import VenueAccount
from fairlead.core.model.bots.bot import BotOrder, BotState, BotStatus, Memory, Settings, Stimulus, Wish
from fairlead.core.model.bots.decision import BotCommand, Instruction, Urgency
from fairlead.core.model.bots.events import BotTerms, Peaks
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.order import Order
from fairlead.core.model.state import RequestState
from fairlead.core.rules.bots.rules import (
    Rule,
    can_replan,
    is_between_cycles,
    peaks_of,
    with_peaks_of,
    with_settings,
)
from fairlead.core.rules.bots.step import Step, take_step
from fairlead.market.hub import MarketHub
from fairlead.sources.bots.heard import HeardOrders
from fairlead.sources.bots.rule_shelf import RuleShelf
from fairlead.sources.bots.seams import StoredOrders
from fairlead.sources.bots.situation import Ready
from fairlead.sources.bots.writing import Untold
from fairlead.store.queries.bots import Bot

PEAK_SAVED_EVERY_MS: Final = 5_000
"""Peaks that trailing exits follow are written down at most so often; a crash loses what came since."""

SIGNALS_KEPT_MAX: Final = 16
_OVER: Final = frozenset({BotStatus.STOPPED, BotStatus.FINISHED})


class BotActor:
    """One bot. It decides one step at a time; what it hears meanwhile waits, newest wins."""

    __slots__ = (
        "_heard",
        "_rules",
        "_settings",
        "_settings_version",
        "_share",
        "_signals",
        "_terms",
        "_written_memory",
        "_written_terms",
        "_written_version",
        "blocked_ms",
        "bot",
        "commands",
        "dirty",
        "failures",
        "is_busy",
        "is_leaving",
        "is_loaded",
        "looked_ms",
        "market",
        "rests_until_ms",
        "seen",
        "state",
        "stored_ms",
        "urgency",
        "woken_s",
    )

    def __init__(self, bot: Bot, state: BotState | None, rules: RuleShelf) -> None:
        """Take a bot as it is configured, and how it stood at last; ``rules`` are kept for all bots together.

        ``seen`` is what was said of its situation when it last looked, at ``looked_ms``; ``blocked_ms`` since when it
        cannot decide, ``failures`` how many steps in a row broke; until ``rests_until_ms`` nothing wakes it.
        """
        self.bot = bot
        self.state = state
        self.commands: Sequence[BotCommand] = ()
        self.is_busy = False
        self.is_leaving = False
        self.is_loaded = state is None
        self.dirty: Urgency | None = None
        self.seen = ""
        self.looked_ms = self.blocked_ms = self.rests_until_ms = self.stored_ms = 0
        self.failures = 0
        self.market: MarketHub | None = None
        self.woken_s = 0.0
        self.urgency = Urgency.ENTRY
        self._settings: Settings = bot.settings
        self._settings_version = bot.settings_version
        self._rules = rules
        self._heard = HeardOrders()
        # Up to which version of its settings the journal knows them.
        self._written_version = 0 if state is None else state.settings_version
        # What the journal knows of the rest that its decisions depend on.
        self._terms: BotTerms | None = None
        self._written_terms: BotTerms | None = None
        self._written_memory: Memory | None = None if state is None else state.memory
        self._share: Decimal | None = None
        self._signals: tuple[str, ...] = ()

    @property
    def settings(self) -> Settings:
        """Those that the running cycle goes by."""
        return self._settings

    @property
    def holds(self) -> bool:
        """Whether it has anything that an exit must protect."""
        return self.state is not None and bool(self.state.deal.quantity)

    def configure(self, bot: Bot, commands: Sequence[BotCommand]) -> None:
        """Take a bot as it is configured now; settings count from the next cycle on."""
        self.bot = bot
        self.commands = commands

    def go_on_with(self, settings: Settings, version: int) -> None:
        """Take the settings that the stored cycle was begun with."""
        self._settings, self._settings_version = settings, version

    def restore(self, stored: StoredOrders) -> None:
        """Take what is stored of its orders; what was heard meanwhile is newer."""
        self._heard.restore(stored.requests, stored.orders)
        self._share = stored.share if self._share is None else self._share
        self.is_loaded = True

    def hear(self, state: RequestState | Order) -> None:
        """A request or an order of its own changed."""
        self._heard.hear(state)

    def hear_share(self, quantity: Decimal) -> None:
        """What the account's sub-book says that it holds changed."""
        self._share = abs(quantity)

    def hear_signal(self, signal: str) -> None:
        """A signal that its rule waits for."""
        if signal not in self._signals:
            self._signals = (*self._signals, signal)[-SIGNALS_KEPT_MAX:]

    @property
    def untold(self) -> Untold:
        """What its newest step depends on and the journal does not know yet."""
        return Untold(
            settings=self._settings if self._settings_version > self._written_version else None,
            terms=None if self._terms == self._written_terms else self._terms,
            peaks=self._moved_peaks(),
        )

    @property
    def is_over(self) -> bool:
        """Whether it wants nothing any more, or was removed, and nothing of it is left to take back."""
        state = self.state
        if state is None:
            return self.is_leaving
        return not state.orders and (self.is_leaving or state.status in _OVER)

    def leave(self) -> None:
        """Take back what rests and want nothing more: it was removed, perhaps while it decided."""
        self.is_leaving = True
        self.bot = replace(self.bot, wish=Wish.STOP_AND_KEEP)

    def take_step(self, found: Ready, now_ms: int) -> tuple[Step, Stimulus]:
        """Decide, without changing anything here yet."""
        instrument = found.instrument
        if self._terms is None or self._terms != BotTerms(instrument, found.account.fee_rates):
            self._terms = BotTerms(instrument, found.account.fee_rates)
        command = self._next_command()
        replans = command is not None and command.instruction is Instruction.REPLAN
        rule = self._find_rule(found.account, instrument, replans=replans)
        state = self.state or _begin(self.bot, self._settings_version, rule)
        state = with_settings(state, rule, self._settings_version, replans=replans)
        stimulus = Stimulus(
            at_ms=now_ms,
            price=found.quote.last,
            may_enter=found.may_enter,
            may_add=found.may_add,
            note="" if state.status in _OVER else found.note,
            wish=self.bot.wish,
            news=self._heard.news(state.orders, instrument),
            signals=self._signals,
            command=command,
            share=self._share,
            is_renewed=self._settings_version != self.bot.settings_version,
        )
        return take_step(state, rule, instrument, stimulus), stimulus

    def is_material(self, step: Step, now_ms: int) -> bool:
        """Whether a step must be written down.

        Not that an order is known to rest now, for that is found again with the order itself; nor a peak that moved on
        a moment ago.
        """
        before, after = self.state, step.state
        if step.placed or step.canceled or before is None:
            return True
        after = replace(after, orders=_with_ids_of(before, after), updated_ms=before.updated_ms)
        if before == after:
            return False
        only_peaks = replace(after, memory=with_peaks_of(after.memory, before.memory)) == before
        return not only_peaks or now_ms - self.stored_ms >= PEAK_SAVED_EVERY_MS

    def settle(self, state: BotState, stimulus: Stimulus, *, is_durable: bool) -> None:
        """Go on from the state that a stimulus led to."""
        self.state = state
        self._signals = tuple(one for one in self._signals if one not in stimulus.signals)
        if not is_durable:
            return
        self.stored_ms, self._written_version = state.updated_ms, self._settings_version
        self._written_terms, self._written_memory = self._terms, state.memory
        self._heard.note_stored(state)

    def replace(self, state: BotState, stored: StoredOrders) -> None:
        """Go on from what is stored, because somebody else decided."""
        self.state, self._written_version = state, state.settings_version
        self._written_terms, self._written_memory = None, state.memory
        self._heard, self._share = HeardOrders(), None
        self.restore(stored)

    @property
    def has_more(self) -> bool:
        """Whether it has heard something that its state does not know yet."""
        state = self.state
        return bool(self._signals) or any(state is None or one.number > state.command for one in self.commands)

    def _moved_peaks(self) -> Peaks | None:
        """The peaks that it went by, where they had moved on since they were written down."""
        before = None if self.state is None else self.state.memory
        if before is None or self._written_memory is None or before is self._written_memory:
            return None
        peaks = peaks_of(before)
        return None if peaks == peaks_of(self._written_memory) else peaks

    def _next_command(self) -> BotCommand | None:
        heard = 0 if self.state is None else self.state.command
        return next((one for one in self.commands if one.number > heard), None)

    def _find_rule(self, account: VenueAccount, instrument: Instrument, *, replans: bool) -> Rule:
        state = self.state
        may_change = state is None or is_between_cycles(state, instrument)
        may_change = may_change or (replans and can_replan(self._settings, self.bot.settings))
        if may_change and self._settings_version != self.bot.settings_version:
            self.go_on_with(self.bot.settings, self.bot.settings_version)
        return self._rules.find(self.bot.bot_id, self._settings, instrument, account.fee_rates)


def _begin(bot: Bot, settings_version: int, rule: Rule) -> BotState:
    return BotState(
        bot_id=bot.bot_id,
        tenant=bot.tenant,
        account_id=bot.account_id,
        symbol=bot.symbol,
        settings_version=settings_version,
        memory=rule.begin(),
    )


def _with_ids_of(before: BotState, after: BotState) -> tuple[BotOrder, ...]:
    """The orders of a state, with what was known before of those that rest at the venue."""
    known = {order.serial: order.order_ids for order in before.orders}
    return tuple(replace(order, order_ids=known.get(order.serial, order.order_ids)) for order in after.orders)
