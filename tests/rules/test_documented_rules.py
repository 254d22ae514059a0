"""The rules of docs/rules.md run as they are printed, from quotes to orders."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from fairlead.clock import VirtualClock
from fairlead.core.model.bots.bot import BotState, Settings, Wish
from fairlead.core.model.bots.martingale import MartingaleSettings, StartOnSignal
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.market import Quote
from fairlead.core.model.request import Side
from fairlead.core.rules.bots.rules import make_rule
from fairlead.market.hub import MarketHub
from fairlead.store.queries.bots import Bot
from fairlead.wiring.bot_conditions import BotConditions
from fairlead.wiring.rule_files import RuleFiles
from tests.core.bots.toy_exchange import NO_FEES, SPOT, ToyExchange

PAGE: Final = Path(__file__).parents[2] / "docs" / "rules.md"
BLOCK: Final = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MINUTE_MS: Final = 60_000


@pytest.fixture(name="rules")
def _rules(tmp_path: Path) -> RuleFiles:
    folder = tmp_path / "rules"
    folder.mkdir(mode=0o700)
    cross, breakout = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    for name, text in (("sma_cross", cross), ("breakout", breakout)):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        (folder / f"{name}.py").chmod(0o600)
    return RuleFiles(folder)


class World(ToyExchange):
    """One bot on a market of which it sees quotes only: bars, conditions, signals, decisions, orders."""

    def __post_init__(self) -> None:
        """Leave it all to the beginning."""

    def begin(self, rules: RuleFiles) -> World:
        """Let the bot watch."""
        self.rule = make_rule(self.settings, SPOT, NO_FEES, rules.find)
        self.state = BotState(bot_id="bot", tenant="me", account_id="a", symbol=SPOT.symbol, memory=self.rule.begin())
        self.hub = MarketHub()
        self.signals: list[str] = []
        self.conditions = BotConditions(self, lambda _bot: self.hub, rules.find, VirtualClock(0))
        self.conditions.configure([_bot(self.settings)])
        self.conditions.look()
        return self

    def signal(self, bot_id: str, signal: str, *, if_awaited: bool = False) -> bool:
        """Take a signal to the bot."""
        if if_awaited and (self.last is None or all(wire.signal != signal for wire in self.last.wires)):
            return False
        self.signals.append(signal)
        self.ask(signals=(signal,))
        return True

    def minute(self, price: Decimal) -> None:
        """Let a minute go by at a price."""
        self.now_ms = self.now_ms - self.now_ms % MINUTE_MS + MINUTE_MS
        at_ms = self.now_ms
        self.move(price)
        self.now_ms = at_ms
        self.hub.on_quote(_quote(price, at_ms))


def _bot(settings: Settings) -> Bot:
    return Bot(
        bot_id="bot",
        tenant="me",
        owner="me",
        account_id="a",
        name="bot",
        symbol=SPOT.symbol,
        wish=Wish.RUN,
        settings_version=1,
        settings=settings,
        created_ms=0,
    )


def _quote(price: Decimal, at_ms: int) -> Quote:
    known = dict.fromkeys(("bid", "ask", "last", "mark", "index"), price)
    return Quote(symbol=SPOT.symbol, at_ms=at_ms, bid_quantity=Decimal(1), ask_quantity=Decimal(1), **known)


def _sides(world: World) -> list[Side]:
    return [one.order.want.side for one in world.history]


def _wave(minute: int) -> Decimal:
    return Decimal(str(round(100 + 5 * math.sin(minute / 20), 2)))


def _play(world: World, minutes: int) -> World:
    for minute in range(minutes):
        world.minute(_wave(minute))
    return world


def test_the_cross_buys_and_sells_in_turn(rules: RuleFiles) -> None:
    parameters = {"timeframe": "1m", "fast": "5", "slow": "15"}
    world = World(RuleSettings(rule="sma_cross:SmaCross", parameters=parameters)).begin(rules)
    _play(world, 400)
    assert len(world.history) >= 4
    assert _sides(world) == [Side.BUY, Side.SELL] * (len(world.history) // 2) + [Side.BUY] * (len(world.history) % 2)


def test_the_breakout_has_a_stop_below_what_it_bought(rules: RuleFiles) -> None:
    parameters = {"timeframe": "3m", "bars": "5"}
    world = World(RuleSettings(rule="breakout:Breakout", parameters=parameters)).begin(rules)
    _play(world, 300)
    assert _sides(world)[:2] == [Side.BUY, Side.SELL]
    first = world.history[0]
    assert world.state.deal.quantity <= first.quantity


def test_nothing_is_asked_before_there_are_enough_bars(rules: RuleFiles) -> None:
    world = World(RuleSettings(rule="sma_cross:SmaCross", parameters={"timeframe": "1h"})).begin(rules)
    _play(world, 300)
    assert not world.signals


def test_a_dca_bot_begins_when_the_condition_that_it_names_holds(rules: RuleFiles) -> None:
    conditions: Mapping[str, str] = {"dip": "rsi(close, 5) crosses below 30"}
    settings = MartingaleSettings(start=StartOnSignal("dip"), conditions=dict(conditions))
    world = World(settings).begin(rules)
    for minute in range(30):
        world.minute(Decimal(100) + minute % 3)
    assert not world.history
    world.minute(Decimal(95))
    world.minute(Decimal(94))
    world.minute(Decimal(94))
    assert world.signals == ["dip"]
    assert _sides(world)[0] is Side.BUY
