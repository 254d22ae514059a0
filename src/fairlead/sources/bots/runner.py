"""Runs every bot of the process: finds whom a price, a time, a fill or a person wakes; the urgent ones decide first.

What a bot decides is appended with its requests as one unit; a decision on a stale state is refused by its key and
made anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final, assert_never

from msgspec.structs import replace

from fairlead.core.model.account import SubPosition, VenueAccount
from fairlead.core.model.bots.bot import Stimulus
from fairlead.core.model.bots.decision import BotCommand, Tripwire, Urgency
from fairlead.core.model.order import Order
from fairlead.core.model.state import RequestState, State
from fairlead.core.rules.bots.requests import write_requests
from fairlead.core.rules.bots.step import Step
from fairlead.market.tripwires import Hit
from fairlead.ports import Committed, DuplicateKey, NotStored
from fairlead.sources.bots.actor import BotActor
from fairlead.sources.bots.boards import Boards
from fairlead.sources.bots.rule_shelf import RuleShelf
from fairlead.sources.bots.seams import BotTools
from fairlead.sources.bots.situation import Blocked, Ready, look_around
from fairlead.sources.bots.starting import take_up
from fairlead.sources.bots.turns import Turns
from fairlead.sources.bots.writing import append_note, append_step
from fairlead.store.queries.bots import Bot

TIMES_LOOKED_AT_EVERY_MS: Final = 100
LOOKED_AROUND_WITHIN_MS: Final = 1_000
"""Within so long a bot finds out what nobody tells it: a kill switch, a feed gone silent, an account that opened."""

LOOKED_AT_ONCE_MAX: Final = 250
"""Of thousands of bots a round takes longer: prices must not wait for it."""

ASKED_ANYWAY_AFTER_MS: Final = 60_000
"""A bot that nothing has woken for so long is asked anyway."""

TRY_AGAIN_MS: Final = 1_000
TRY_AGAIN_LATEST_MS: Final = 300_000
"""A step that broke, or could not be stored, is tried again after the first; a step that goes on breaking after longer
and longer, but never after more than the second."""

SAID_AFTER_MS: Final = 5_000
"""A bot that cannot decide for so long says why; what passes sooner is not worth a line in the journal."""

FAILURES_COUNTED_MAX: Final = 16
NOTE_LENGTH_MAX: Final = 200


class BotRunner:
    """Every bot, asleep or deciding."""

    def __init__(self, tools: BotTools) -> None:
        """Begin without bots."""
        self._tools = tools
        self._actors: dict[str, BotActor] = {}
        self._rules = RuleShelf(tools.find_rule)
        self._boards = Boards(self._wake_all)
        self._turns = Turns(tools.spawn, self._decide, self._broke)
        self._tour: list[str] = []

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
        await take_up(self._actors, self._tools.reader, self._rules, bots, commands)
        for bot_id, actor in self._actors.items():
            self.wake(bot_id, Urgency.EXIT if actor.holds else Urgency.ENTRY)

    def configure(self, bots: Iterable[Bot], commands: Mapping[str, Sequence[BotCommand]]) -> None:
        """Take bots as they are configured now: new ones begin, others hear what they were told."""
        current = {bot.bot_id: bot for bot in bots}
        for bot_id in self._actors.keys() - current.keys():
            if not self._actors[bot_id].is_leaving:
                self._actors[bot_id].leave()
                self._wake_now(self._actors[bot_id])
        for bot_id, bot in current.items():
            told = commands.get(bot_id, ())
            actor = self._actors.get(bot_id)
            if actor is None:
                actor = self._actors[bot_id] = BotActor(bot, None, self._rules)
            elif actor.bot == bot and list(actor.commands[-1:]) == list(told[-1:]):
                continue
            actor.configure(bot, told)
            self._wake_now(actor)

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

    def signal(self, bot_id: str, signal: str, *, if_awaited: bool = False) -> bool:
        """Tell a bot that a condition holds; False when there is no such bot, or it does not wait for what it must."""
        actor = self._actors.get(bot_id)
        if actor is None:
            return False
        if if_awaited and not self._boards.wait_for(bot_id, signal):
            return False
        actor.hear_signal(signal)
        self.wake(bot_id, Urgency.EXIT)
        return True

    async def run(self) -> None:
        """Wake whom the time wakes, for ever."""
        while True:
            await self._tools.clock.sleep_ms(TIMES_LOOKED_AT_EVERY_MS)
            self.look_at_times()
            self._look_around()

    def look_at_times(self) -> None:
        """Wake whom the time wakes now."""
        self._boards.touch_times(self._tools.clock.now_ms())

    def wake(self, bot_id: str, urgency: Urgency) -> None:
        """Let a bot decide soon, after those that are more urgent."""
        actor = self._actors.get(bot_id)
        if actor is None:
            return
        if not actor.woken_s:
            actor.woken_s = self._tools.clock.monotonic_s()
            actor.urgency = urgency
        rests = actor.rests_until_ms and self._tools.clock.now_ms() < actor.rests_until_ms
        if actor.is_busy or rests:
            actor.dirty = urgency if actor.dirty is None else min(actor.dirty, urgency)
            return
        self._turns.push(bot_id, actor.bot.account_id, urgency)

    def _wake_now(self, actor: BotActor) -> None:
        """A person's word, or a situation that changed, ends every wait."""
        actor.rests_until_ms = 0
        self.wake(actor.bot.bot_id, Urgency.STOP)

    def _wake_all(self, hits: Iterable[Hit]) -> None:
        for urgency, bot_id in hits:
            self.wake(bot_id, urgency)

    def _look_around(self) -> None:
        """Look at a part of the bots, so that a whole round is through in time and no turn takes long."""
        turns = LOOKED_AROUND_WITHIN_MS // TIMES_LOOKED_AT_EVERY_MS
        now_ms = self._tools.clock.now_ms()
        if not self._tour:
            self._tour = list(self._actors)
        part = min(-(-len(self._actors) // turns), LOOKED_AT_ONCE_MAX)
        self._tour, chosen = self._tour[part:], self._tour[:part]
        # Those that began together must not be asked together: that would be a herd every time.
        left = -(-len(self._actors) * TIMES_LOOKED_AT_EVERY_MS // ASKED_ANYWAY_AFTER_MS)
        for actor in filter(None, map(self._actors.get, chosen)):
            if actor.is_busy or (actor.is_over and not actor.has_more):
                continue
            if actor.seen != look_around(self._tools, actor.bot, now_ms).note:
                self._wake_now(actor)
            elif left and now_ms - actor.looked_ms >= ASKED_ANYWAY_AFTER_MS:
                left -= 1
                self.wake(actor.bot.bot_id, Urgency.ENTRY)

    def _decide(self, bot_id: str) -> None:
        actor = self._actors.get(bot_id)
        if actor is None or not actor.is_loaded:
            return
        actor.is_busy, actor.dirty = True, None
        now_ms, woken_s, actor.woken_s = self._tools.clock.now_ms(), actor.woken_s, 0.0
        found = look_around(self._tools, actor.bot, now_ms)
        actor.seen, actor.looked_ms = found.note, now_ms
        if isinstance(found, Blocked) or actor.market is not found.hub:
            actor.market = found.hub
            if found.account is not None and found.hub is not None:
                self._tools.want_quotes(found.account, (actor.bot.symbol,))
        if isinstance(found, Blocked):
            # The next look around finds out that what is missing is there; it is worth a note only when it takes long.
            actor.blocked_ms = actor.blocked_ms or now_ms
            said_ms = actor.blocked_ms + SAID_AFTER_MS
            if now_ms < said_ms:
                self._sleep(actor, said_ms)
            else:
                self._say(actor, found.note, now_ms + ASKED_ANYWAY_AFTER_MS)
            return
        actor.blocked_ms = 0
        step, stimulus = actor.take_step(found, now_ms)
        self._tools.decided(actor.urgency, self._tools.clock.monotonic_s() - woken_s)
        if not actor.is_material(step, now_ms):
            actor.settle(step.state, stimulus, is_durable=False)
            self._rest(actor, found, step.wires)
            return
        work = self._store(actor, step, stimulus, found)
        self._tools.spawn(f"bot {actor.bot.name}", work, partial(self._broke, bot_id))

    async def _store(self, actor: BotActor, step: Step, stimulus: Stimulus, found: Ready) -> None:
        written = write_requests(step, actor.settings, found.instrument, stimulus.at_ms)
        outcome = await append_step(self._tools.door, step, stimulus, written, actor.untold)
        match outcome:
            case Committed():
                actor.settle(written.state, stimulus, is_durable=True)
                self._rest(actor, found, step.wires)
            case DuplicateKey():
                # Another process decided for it; what it decided is the truth.
                await self._reload(actor)
                self._sleep(actor, stimulus.at_ms + TRY_AGAIN_MS)
            case NotStored():
                self._sleep(actor, stimulus.at_ms + TRY_AGAIN_MS)
            case other:
                assert_never(other)

    def _say(self, actor: BotActor, note: str, until_ms: int) -> None:
        """Write a note down, then sleep; one that cannot be written is said the next time."""
        state = actor.state
        if state is None or actor.is_over or state.note == note:
            self._sleep(actor, until_ms)
            return
        noted = replace(state, note=note, version=state.version + 1, updated_ms=self._tools.clock.now_ms())

        async def say() -> None:
            if isinstance(await append_note(self._tools.door, noted), Committed):
                actor.state = noted
            self._sleep(actor, until_ms)

        self._tools.spawn(f"bot {actor.bot.name} says", say(), lambda _: self._sleep(actor, until_ms))

    def _rest(self, actor: BotActor, found: Ready, wires: Sequence[Tripwire]) -> None:
        """Let a bot sleep until one of its wires is touched, or at once wake again if it heard something meanwhile."""
        actor.is_busy = False
        actor.failures = actor.rests_until_ms = 0
        bot_id, symbol = actor.bot.bot_id, actor.bot.symbol
        board = self._boards.wire(found.hub, bot_id, symbol, wires)
        if actor.is_leaving and actor.is_over:
            board.forget(bot_id, symbol)
            del self._actors[bot_id]
        elif actor.dirty is not None or actor.has_more:
            # The most urgent of all is zero.
            self.wake(bot_id, Urgency.EXIT if actor.dirty is None else actor.dirty)
        elif (newest := found.hub.quotes[symbol]) is not found.quote:
            # The price went on while it decided, and a wire cannot be touched before it is there.
            self._wake_all(board.touch(symbol, newest.last))

    def _sleep(self, actor: BotActor, until_ms: int) -> None:
        """Let a bot rest whatever it hears, because it could do nothing about it; then it is asked again."""
        actor.is_busy = False
        actor.rests_until_ms = until_ms
        self._boards.wake_at(actor.bot.bot_id, actor.bot.symbol, until_ms)

    def _broke(self, bot_id: str, error: Exception) -> None:
        """One bot's trouble is its own: it is asked again, ever later, and the others go on."""
        self._tools.report(bot_id, error)
        actor = self._actors.get(bot_id)
        if actor is None:
            return
        pause_ms = min(TRY_AGAIN_MS << min(actor.failures, FAILURES_COUNTED_MAX), TRY_AGAIN_LATEST_MS)
        actor.failures += 1
        note = f"its step fails, tried again: {type(error).__name__}: {error}"[:NOTE_LENGTH_MAX]
        self._say(actor, note, self._tools.clock.now_ms() + pause_ms)

    async def _reload(self, actor: BotActor) -> None:
        states = await self._tools.reader.load_states()
        state = states.get(actor.bot.bot_id)
        if state is not None:
            stored = await self._tools.reader.load_orders([state])
            actor.replace(state, stored[state.bot_id])
