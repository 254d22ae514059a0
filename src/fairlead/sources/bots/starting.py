"""Takes every bot up where it was when the process before this one ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fairlead.core.model.bots.bot import BotState, Wish
from fairlead.core.model.bots.decision import BotCommand
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.sources.bots.actor import BotActor
from fairlead.sources.bots.rule_shelf import RuleShelf
from fairlead.sources.bots.seams import BotReader
from fairlead.store.queries.bots import Bot


async def take_up(
    actors: dict[str, BotActor],
    reader: BotReader,
    rules: RuleShelf,
    bots: Sequence[Bot],
    commands: Mapping[str, Sequence[BotCommand]],
) -> None:
    """Make an actor of each bot: its state, then what became of its orders meanwhile.

    The actors are there before the orders are read, so that what a desk tells meanwhile is heard.
    """
    states = await reader.load_states()
    configured = {bot.bot_id for bot in bots}
    known = {bot.bot_id: states[bot.bot_id] for bot in bots if bot.bot_id in states}
    older = {
        bot.bot_id: known[bot.bot_id].settings_version
        for bot in bots
        if bot.bot_id in known and known[bot.bot_id].settings_version != bot.settings_version
    }
    settings = await reader.load_settings(older) if older else {}
    for bot in bots:
        actor = actors[bot.bot_id] = BotActor(bot, known.get(bot.bot_id), rules)
        actor.configure(bot, commands.get(bot.bot_id, ()))
        if bot.bot_id in settings:
            actor.go_on_with(settings[bot.bot_id], older[bot.bot_id])
    for state in states.values():
        if state.bot_id not in configured and state.orders:
            known[state.bot_id] = state
            actors[state.bot_id] = _removed(state, rules)
    stored = await reader.load_orders(list(known.values()))
    for bot_id in known:
        actors[bot_id].restore(stored[bot_id])


def _removed(state: BotState, rules: RuleShelf) -> BotActor:
    """A bot that was removed while it decided, before anybody could take its orders back."""
    bot = Bot(
        bot_id=state.bot_id,
        tenant=state.tenant,
        owner="",
        account_id=state.account_id,
        name=state.bot_id,
        symbol=state.symbol,
        wish=Wish.STOP_AND_KEEP,
        settings_version=state.settings_version,
        # Its own went with it; a bot that only takes back what rests asks no rule.
        settings=MartingaleSettings(),
        created_ms=0,
    )
    actor = BotActor(bot, state, rules)
    actor.leave()
    return actor
