"""Has bars made and conditions looked at for the bots that name some, and wakes those bots."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import structlog

from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.bots.user_rule import BarFacts, RuleSettings
from fairlead.core.rules.bots.rules import FindRule
from fairlead.core.rules.bots.user_rule import write_facts
from fairlead.core.rules.bots.watchlist import watchlist_of
from fairlead.market.conditions import ConditionBoard, Evaluate, Watch
from fairlead.market.hub import MarketHub
from fairlead.market.warming import PastCandles, Warmer
from fairlead.ports import Clock, Record
from fairlead.store.queries.bots import Bot
from fairlead.wiring.bot_bars import BotBars

_Board: TypeAlias = tuple[ConditionBoard, str]
"""What is watched on one market, and who tells of its past; empty: nobody."""

LOOKED_AT_EVERY_MS: Final = 1_000
WARM_AGAIN_MS: Final = 60_000
"""After the task that reads histories broke."""

_log = structlog.get_logger("fairlead")


class Signals(Protocol):
    """Where a bot hears of its conditions."""

    def signal(self, bot_id: str, signal: str, *, if_awaited: bool = False) -> bool:
        """Tell a bot; if so wished, only while it sleeps until this signal."""
        ...


def _no_history(_bot: Bot) -> PastCandles | None:
    return None


def _drop(_name: str, work: Coroutine[None, None, None], _failed: Callable[[Exception], None]) -> None:
    work.close()


def _forget_record(_record: Record) -> None:
    """Where nobody asks."""


@dataclass(frozen=True, slots=True)
class Histories:
    """Where bars of the past come from, and where it is kept what a bot waits for.

    ``history_of`` finds candles of the past of the market that a bot trades on; ``spawn`` runs a supervised task.
    """

    history_of: Callable[[Bot], PastCandles | None] = _no_history
    spawn: Callable[[str, Coroutine[None, None, None], Callable[[Exception], None]], object] = _drop
    keep: Callable[[Record], None] = _forget_record


NO_HISTORIES: Final = Histories()


class BotConditions:
    """Conditions of every bot of the process."""

    def __init__(
        self,
        runner: Signals,
        market_of: Callable[[Bot], MarketHub | None],
        find_rule: FindRule,
        clock: Clock,
        histories: Histories = NO_HISTORIES,
    ) -> None:
        """Begin without bots; ``market_of`` is None while a bot's venue is not open."""
        self._runner = runner
        self._market_of = market_of
        self._find_rule = find_rule
        self._clock = clock
        self._bots: dict[str, Bot] = {}
        self._waiting: dict[str, Watch] = {}
        self._boards: dict[MarketHub, _Board] = {}
        self._histories = histories
        self._bars = BotBars(histories.keep)
        self._told: dict[str, tuple[str, ...]] = {}
        self._evaluate: Evaluate | None = None

    def configure(self, bots: Iterable[Bot]) -> None:
        """Watch for these bots, as they are configured now, and for no others."""
        current = {bot.bot_id: bot for bot in bots if _may_watch(bot.settings)}
        for bot_id, known in list(self._bots.items()):
            bot = current.get(bot_id)
            if bot is None or bot.settings_version != known.settings_version:
                self._forget(bot_id)
        for bot_id, bot in current.items():
            if bot_id in self._bots:
                continue
            self._bots[bot_id] = bot
            try:
                watch = make_watch(bot, self._find_rule)
                self._evaluate = self._evaluate or load_evaluator()
            except ValueError as error:
                _log.error("bot_conditions_refused", bot=bot_id, name=bot.name, why=str(error))
                continue
            if watch.conditions:
                self._waiting[bot_id] = watch

    async def run(self) -> None:
        """Look at the time, for ever."""
        while True:
            self.look()
            await self._clock.sleep_ms(LOOKED_AT_EVERY_MS)

    def look(self) -> None:
        """Begin to watch where a market has opened, and close bars whose time is over."""
        for bot_id, watch in list(self._waiting.items()):
            hub = self._market_of(self._bots[bot_id])
            if hub is not None:
                self._watch(self._bots[bot_id], watch, hub)
                del self._waiting[bot_id]
        now_ms = self._clock.now_ms()
        for board, _ in self._boards.values():
            board.look_at_time(now_ms)
        self._bars.look()

    def _watch(self, bot: Bot, watch: Watch, hub: MarketHub) -> None:
        board, source = self._boards.get(hub) or self._open(bot, hub)
        board.watch(watch)
        self._bars.begin(bot, watch, board.builders[watch.symbol], source)

    def _open(self, bot: Bot, hub: MarketHub) -> _Board:
        assert self._evaluate is not None
        history = self._histories.history_of(bot)
        board = ConditionBoard(self._evaluate, self._tell, has_past=history is not None)
        hub.listen(board.on_quote)
        opened = self._boards[hub] = board, "" if history is None else history.name
        if history is not None:
            self._warm(Warmer(board, history, self._clock))
        return opened

    def _warm(self, warmer: Warmer) -> None:
        name, spawn = f"bars of {warmer.source}", self._histories.spawn

        async def warm_again() -> None:
            await self._clock.sleep_ms(WARM_AGAIN_MS)
            self._warm(warmer)

        def failed(_error: Exception) -> None:
            spawn(name, warm_again(), failed)

        spawn(name, warmer.run(), failed)

    def _forget(self, bot_id: str) -> None:
        bot = self._bots.pop(bot_id)
        self._waiting.pop(bot_id, None)
        self._told.pop(bot_id, None)
        self._bars.forget(bot)
        for board, _ in self._boards.values():
            board.forget(bot_id)

    def _tell(self, bot_id: str, facts: BarFacts) -> None:
        if not isinstance(self._bots[bot_id].settings, RuleSettings):
            for name in facts.holds:
                self._runner.signal(bot_id, name, if_awaited=True)
        elif self._told.get(bot_id) != facts.holds:
            self._told[bot_id] = facts.holds
            self._runner.signal(bot_id, write_facts(facts))


def make_watch(bot: Bot, find_rule: FindRule) -> Watch:
    """What a bot watches, by its settings.

    Raises:
        ValueError: a condition or a rule cannot be read, or a rule watches too much.
    """
    watchlist = watchlist_of(bot.settings, find_rule)
    return Watch(
        watcher=bot.bot_id,
        symbol=bot.symbol,
        timeframe=watchlist.timeframe,
        conditions=watchlist.conditions,
        values=watchlist.values,
    )


def load_evaluator() -> Evaluate:
    """What computes conditions; numpy and TA-Lib are loaded with the first bot that has some.

    Raises:
        ValueError: they are not installed.
    """
    try:
        from fairlead.core.rules.conditions.arrays import newest_values
    except ImportError as error:
        message = f"conditions need an extra: pip install 'fairlead[rules]' ({error})"
        raise ValueError(message) from error
    return newest_values


def _may_watch(settings: Settings) -> bool:
    if isinstance(settings, MartingaleSettings):
        return bool(settings.conditions)
    return isinstance(settings, RuleSettings)
