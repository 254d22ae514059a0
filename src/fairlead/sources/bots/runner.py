"""Runs every bot of the process: finds whom a price, a time, a fill or a person wakes; the urgent ones decide first.

What a bot decides is appended with its requests as one unit; a decision on a stale state is refused by its key and
made anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from fairlead.core.model.account import SubPosition, VenueAccount
from fairlead.core.model.bots.bot import BotState, Stimulus
from fairlead.core.model.bots.decision import BotCommand, Tripwire, Urgency, WireKind
from fairlead.core.model.bots.events import BotConfigured, BotDecided, BotEvent
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.market import Quote
from fairlead.core.model.order import Order
from fairlead.core.model.state import RequestState, State
from fairlead.core.rules.bots.requests import Written, write_requests
from fairlead.core.rules.bots.step import Step
from fairlead.market.hub import MarketHub
from fairlead.market.tripwires import Hit, TripwireBoard
from fairlead.ports import AppendOutcome, Committed, DuplicateKey, Fact, NotStored, Record
from fairlead.sources.bots.actor import BotActor
from fairlead.sources.bots.rule_shelf import RuleShelf
from fairlead.sources.bots.seams import BotTools, Door
from fairlead.sources.bots.turns import Turns
from fairlead.store.queries.bots import STATE_SPACE, Bot

LOOK_AGAIN_MS: Final = 1_000
"""A bot that cannot decide now (no price, its account not open) is looked at again after so long."""

TIMES_LOOKED_AT_EVERY_MS: Final = 100


class BotRunner:
    """Every bot, asleep or deciding."""

    def __init__(self, tools: BotTools) -> None:
        """Begin without bots."""
        self._tools = tools
        self._actors: dict[str, BotActor] = {}
        self._rules = RuleShelf()
        self._boards: dict[int, TripwireBoard] = {}
        self._turns = Turns(tools.spawn, self._decide, self._turn_broke)
        self._times = TripwireBoard()

    @property
    def actors(self) -> Mapping[str, BotActor]:
        """Every bot by its id."""
        return self._actors

    @property
    def waiting(self) -> int:
        """Bots that were woken and have not decided yet."""
        return self._turns.waiting

    async def start(self, bots: Sequence[Bot], commands: Mapping[str, Sequence[BotCommand]]) -> None:
        """Take every bot up where it was: its state, then what became of its orders meanwhile."""
        states = await self._tools.reader.load_states()
        known = {bot.bot_id: states[bot.bot_id] for bot in bots if bot.bot_id in states}
        wanted = {bot_id: state.settings_version for bot_id, state in known.items()}
        newest = {bot.bot_id: bot.settings_version for bot in bots}
        older = {bot_id: version for bot_id, version in wanted.items() if version != newest[bot_id]}
        settings = await self._tools.reader.load_settings(older) if older else {}
        for bot in bots:
            actor = self._actors[bot.bot_id] = BotActor(bot, known.get(bot.bot_id), self._rules)
            actor.configure(bot, commands.get(bot.bot_id, ()))
            if bot.bot_id in settings:
                actor.go_on_with(settings[bot.bot_id], older[bot.bot_id])
        stored = await self._tools.reader.load_orders(list(known.values()))
        for bot_id in known:
            self._actors[bot_id].restore(stored[bot_id])
        for bot in bots:
            self.wake(bot.bot_id, Urgency.EXIT if self._actors[bot.bot_id].holds else Urgency.ENTRY)

    def configure(self, bots: Iterable[Bot], commands: Mapping[str, Sequence[BotCommand]]) -> None:
        """Take bots as they are configured now: new ones begin, others hear what they were told."""
        current = {bot.bot_id: bot for bot in bots}
        for bot_id in self._actors.keys() - current.keys():
            del self._actors[bot_id]
        for bot_id, bot in current.items():
            actor = self._actors.get(bot_id)
            told = commands.get(bot_id, ())
            if actor is None:
                actor = self._actors[bot_id] = BotActor(bot, None, self._rules)
            elif actor.bot == bot and len(actor.commands) == len(told):
                continue
            actor.configure(bot, told)
            self.wake(bot_id, Urgency.STOP)

    def heard(self, _account: VenueAccount, states: Sequence[State]) -> None:
        """Hear from a desk what changed for good."""
        for state in states:
            match state:
                case Order():
                    actor = self._actors.get(state.source_id)
                    if actor is not None and not state.origin:
                        actor.hear(state)
                        self.wake(state.source_id, Urgency.EXIT)
                case RequestState():
                    actor = self._actors.get(state.request.source_id)
                    if actor is not None:
                        actor.hear(state)
                        self.wake(state.request.source_id, Urgency.EXIT)
                case SubPosition():
                    actor = self._actors.get(state.source_id)
                    if actor is not None and state.symbol == actor.bot.symbol:
                        actor.hear_share(state.quantity)
                        self.wake(state.source_id, Urgency.EXIT)
                case _:
                    pass

    def signal(self, bot_id: str, signal: str) -> bool:
        """Tell a bot that a condition holds; False when there is no such bot."""
        actor = self._actors.get(bot_id)
        if actor is None:
            return False
        actor.hear_signal(signal)
        self.wake(bot_id, Urgency.EXIT)
        return True

    async def run(self) -> None:
        """Wake whom the time wakes, for ever."""
        while True:
            await self._tools.clock.sleep_ms(TIMES_LOOKED_AT_EVERY_MS)
            self.look_at_times()

    def look_at_times(self) -> None:
        """Wake whom the time wakes now."""
        now_ms = self._tools.clock.now_ms()
        for board in (self._times, *self._boards.values()):
            self._wake_all(board.times.touch(now_ms))

    def wake(self, bot_id: str, urgency: Urgency) -> None:
        """Let a bot decide soon, after those that are more urgent."""
        actor = self._actors.get(bot_id)
        if actor is None:
            return
        if not actor.woken_s:
            actor.woken_s = self._tools.clock.monotonic_s()
            actor.urgency = urgency
        if actor.is_busy:
            actor.dirty = urgency if actor.dirty is None else min(actor.dirty, urgency)
            return
        self._turns.push(bot_id, actor.bot.account_id, urgency)

    def _wake_all(self, hits: Iterable[Hit]) -> None:
        for urgency, bot_id in hits:
            self.wake(bot_id, urgency)

    def _decide(self, bot_id: str) -> None:
        actor = self._actors.get(bot_id)
        if actor is None:
            return
        actor.is_busy = True
        found = self._look(actor)
        if found is None:
            self._rest(actor, None, self._soon())
            return
        account, hub, instrument, quote = found
        now_ms = self._tools.clock.now_ms()
        may_enter = account.enabled and self._tools.may_enter(account, actor.bot)
        step, stimulus = actor.take_step(account, instrument, quote, now_ms, may_enter=may_enter)
        self._tools.decided(actor.urgency, self._tools.clock.monotonic_s() - actor.woken_s)
        actor.woken_s = 0.0
        if not actor.is_material(step, now_ms):
            actor.settle(step.state, stimulus, is_durable=False)
            self._rest(actor, hub, step.wires, quote)
            return
        written = write_requests(step, actor.settings, instrument, now_ms)
        work = self._store(actor, step, stimulus, written, (hub, quote))
        self._tools.spawn(f"bot {actor.bot.name}", work, partial(self._broke, actor))

    async def _store(
        self, actor: BotActor, step: Step, stimulus: Stimulus, written: Written, seen: tuple[MarketHub, Quote]
    ) -> None:
        is_new = actor.state is None or actor.state.settings_version != step.state.settings_version
        outcome = await _append(self._tools.door, actor, step, stimulus, written, is_new=is_new)
        match outcome:
            case Committed():
                actor.settle(written.state, stimulus, is_durable=True)
                self._rest(actor, seen[0], step.wires, seen[1])
            case DuplicateKey():
                # Another process decided for it; what it decided is the truth.
                await self._reload(actor)
                actor.dirty = Urgency.EXIT
                self._rest(actor, None, self._soon())
            case NotStored():
                self._rest(actor, None, self._soon())

    def _look(self, actor: BotActor) -> tuple[VenueAccount, MarketHub, Instrument, Quote] | None:
        """Everything that a decision needs; None while something of it is missing."""
        account = self._tools.account_of(actor.bot.account_id)
        if account is None or not actor.is_loaded:
            return None
        hub = self._tools.market_of(account)
        if hub is None:
            return None
        symbol = actor.bot.symbol
        instrument, quote = hub.instruments.get(symbol), hub.quotes.get(symbol)
        if quote is None or actor.market is not hub:
            actor.market = hub
            self._tools.want_quotes(account, (symbol,))
        if instrument is None or quote is None or not quote.last:
            return None
        return account, hub, instrument, quote

    def _rest(
        self, actor: BotActor, hub: MarketHub | None, wires: Sequence[Tripwire], seen: Quote | None = None
    ) -> None:
        """Let a bot sleep until one of its wires is touched, or at once wake again if it heard something meanwhile.

        ``seen`` is the quote that it decided at.
        """
        actor.is_busy = False
        bot = actor.bot
        if bot.bot_id not in self._actors:
            return
        board = self._times if hub is None else self._board_of(hub)
        board.wire(bot.bot_id, bot.symbol, wires)
        if actor.dirty is not None or actor.has_more:
            # The most urgent of all is zero.
            urgency, actor.dirty = Urgency.EXIT if actor.dirty is None else actor.dirty, None
            self.wake(bot.bot_id, urgency)
        elif hub is not None and (newest := hub.quotes[bot.symbol]) is not seen:
            # The price went on while it decided, and a wire cannot be touched before it is there.
            self._wake_all(board.touch(bot.symbol, newest.last))

    def _board_of(self, hub: MarketHub) -> TripwireBoard:
        board = self._boards.get(id(hub))
        if board is None:
            board = self._boards[id(hub)] = TripwireBoard()
            hub.listen(lambda quote: self._wake_all(board.touch(quote.symbol, quote.last)))
        return board

    def _soon(self) -> tuple[Tripwire, ...]:
        at_ms = self._tools.clock.now_ms() + LOOK_AGAIN_MS
        return (Tripwire(WireKind.AT_TIME, at_ms=at_ms, urgency=Urgency.EXIT),)

    def _turn_broke(self, bot_id: str, error: Exception) -> None:
        actor = self._actors.get(bot_id)
        if actor is not None:
            self._broke(actor, error)

    def _broke(self, actor: BotActor, error: Exception) -> None:
        """One bot's trouble is its own: it is looked at again, and the others go on."""
        self._tools.report(actor.bot.bot_id, error)
        self._rest(actor, None, self._soon())

    async def _reload(self, actor: BotActor) -> None:
        states = await self._tools.reader.load_states()
        state = states.get(actor.bot.bot_id)
        if state is not None:
            stored = await self._tools.reader.load_orders([state])
            actor.replace(state, stored[state.bot_id])


def _append(
    door: Door, actor: BotActor, step: Step, stimulus: Stimulus, written: Written, *, is_new: bool
) -> Awaitable[AppendOutcome]:
    state = written.state
    decided = BotDecided(
        bot_id=state.bot_id,
        stimulus=stimulus,
        reasons=step.reasons,
        request_ids=tuple(request.request_id for request in written.requests),
        state=state,
        at_ms=state.updated_ms,
    )
    facts = [_fact(state, decided, f"{state.bot_id}:{state.version}")]
    if is_new:
        began = BotConfigured(
            bot_id=state.bot_id,
            account_id=state.account_id,
            symbol=state.symbol,
            settings_version=state.settings_version,
            settings=actor.settings,
            at_ms=state.updated_ms,
        )
        facts.insert(0, _fact(state, began, f"{state.bot_id}:{state.settings_version}"))
    record = Record(space=STATE_SPACE, owner=state.tenant, key=state.bot_id, body=_encode(state))
    return door.submit(tuple(facts), written.requests, records=(record,))


def _fact(state: BotState, event: BotEvent, key: str) -> Fact:
    return Fact(
        tenant=state.tenant,
        stream=f"bot:{state.bot_id}",
        cause=f"{state.bot_id}:{state.version}",
        at_ms=state.updated_ms,
        event=event,
        key=key,
    )


_encode: Final = msgspec.json.Encoder().encode
