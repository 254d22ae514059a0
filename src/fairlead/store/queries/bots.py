"""Bots as they are configured, and what people told them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Row, Select, delete, func, insert, select, update

from fairlead.core.model.bots.bars import BarsSeen
from fairlead.core.model.bots.bot import BotState, Settings, Wish
from fairlead.core.model.bots.decision import BotCommand
from fairlead.store.bot_tables import bot_commands, bot_settings, bots
from fairlead.store.session import Session, values_of
from fairlead.store.tables import records

STATE_SPACE: Final = "bot"
"""Records of how bots stand, by bot id."""

BARS_SPACE: Final = "bot_bars"
"""Records of the bars that conditions of bots wait for, by bot id."""

COMMANDS_WAITING_MAX: Final = 64
"""A bot that has not taken so many words is told no more; older ones it has heard, and nobody reads them again."""

KEYS_KEPT_MAX: Final = 1_000

_SETTINGS: Final[msgspec.json.Decoder[Settings]] = msgspec.json.Decoder(Settings)
_STATE: Final = msgspec.json.Decoder(BotState)
_BARS: Final = msgspec.json.Decoder(tuple[BarsSeen, ...])
_COMMAND: Final = msgspec.json.Decoder(BotCommand)


class Bot(msgspec.Struct, frozen=True, kw_only=True):
    """One bot as it is configured; ``settings`` are those of ``settings_version``, the newest."""

    bot_id: str
    tenant: str
    owner: str
    account_id: str
    name: str
    symbol: str
    wish: Wish
    settings_version: int
    settings: Settings
    created_ms: int


class BotRoster(msgspec.Struct, frozen=True):
    """Every bot by its id, and what each was told, oldest first."""

    bots: Mapping[str, Bot]
    commands: Mapping[str, Sequence[BotCommand]]


NO_BOTS: Final = BotRoster({}, {})


async def add_bot(session: Session, bot: Bot) -> None:
    """Add a bot with the first version of its settings.

    Raises:
        sqlalchemy.exc.IntegrityError: the name is taken in this tenant.
    """
    values = msgspec.structs.asdict(bot)
    del values["settings"]
    await session.execute(insert(bots), [values])
    await _add_settings(session, bot)


async def save_settings(session: Session, bot: Bot) -> None:
    """Add the version of the settings that the bot names, which counts from its next cycle on."""
    await _add_settings(session, bot)
    query = update(bots).where(bots.c.tenant == session.tenant, bots.c.bot_id == bot.bot_id)
    await session.execute(query.values(settings_version=bot.settings_version))


async def save_wish(session: Session, bot_id: str, wish: Wish) -> None:
    """Note what its owner wants of a bot."""
    query = update(bots).where(bots.c.tenant == session.tenant, bots.c.bot_id == bot_id)
    await session.execute(query.values(wish=wish.value))


async def remove_bot(session: Session, bot_id: str) -> bool:
    """Forget a bot; what it did stays in the journal. False when there is none."""
    query = delete(bots).where(bots.c.tenant == session.tenant, bots.c.bot_id == bot_id)
    return (await session.execute(query)).rowcount > 0


async def add_command(session: Session, bot_id: str, command: BotCommand, *, by: str, created_ms: int) -> None:
    """Tell a bot something; ``command.number`` must be the next one.

    Raises:
        sqlalchemy.exc.IntegrityError: somebody else told it something at the same moment.
    """
    values = {
        "bot_id": bot_id,
        "number": command.number,
        "tenant": session.tenant,
        "told_by": by,
        "body": msgspec.json.encode(command),
        "created_ms": created_ms,
    }
    await session.execute(insert(bot_commands), [values])


async def next_command(session: Session, bot_id: str) -> int:
    """The number of the next word to a bot."""
    newest = func.max(bot_commands.c.number).label("newest")
    query = select(newest).where(bot_commands.c.tenant == session.tenant, bot_commands.c.bot_id == bot_id)
    row = await session.fetch_one(query)
    return 1 if row is None or row.newest is None else int(row.newest) + 1


async def find_command(session: Session, bot_id: str, key: str) -> BotCommand | None:
    """What a bot was told under a key, among the newest of what it was told."""
    mine = (bot_commands.c.tenant == session.tenant) & (bot_commands.c.bot_id == bot_id)
    query = select(bot_commands.c.body).where(mine).order_by(bot_commands.c.number.desc()).limit(KEYS_KEPT_MAX)
    known = (_COMMAND.decode(row.body) for row in await session.fetch_all(query))
    return next((command for command in known if command.key == key), None)


async def list_bots(session: Session) -> Sequence[Bot]:
    """All bots of the tenant, by name."""
    query = _joined().where(bots.c.tenant == session.tenant, bot_settings.c.tenant == session.tenant)
    return [_read(row) for row in await session.fetch_all(query.order_by(bots.c.name))]


async def load_roster(system: Session) -> BotRoster:
    """All bots of every tenant; needs a system session."""
    rows = await system.fetch_all(_joined().order_by(bots.c.bot_id))
    return BotRoster({row.bot_id: _read(row) for row in rows}, await _load_commands(system))


async def _load_commands(system: Session) -> Mapping[str, Sequence[BotCommand]]:
    found: dict[str, list[BotCommand]] = {}
    newest = func.max(bot_commands.c.number).label("newest")
    last = select(bot_commands.c.bot_id, newest).group_by(bot_commands.c.bot_id).subquery()
    query = (
        select(bot_commands.c.bot_id, bot_commands.c.body)
        .join(last, bot_commands.c.bot_id == last.c.bot_id)
        .where(bot_commands.c.number > last.c.newest - COMMANDS_WAITING_MAX)
        .order_by(bot_commands.c.bot_id, bot_commands.c.number)
    )
    for row in await system.fetch_all(query):
        found.setdefault(row.bot_id, []).append(_COMMAND.decode(row.body))
    return found


async def load_settings(system: Session, wanted: Mapping[str, int]) -> Mapping[str, Settings]:
    """Older settings, by bot id, of the version that is wanted of each; needs a system session."""
    found = {}
    # Only bots whose running cycle is older than their settings: a handful, whose versions are few.
    query = select(bot_settings).where(bot_settings.c.version.in_(sorted(set(wanted.values()))))
    for row in await system.fetch_all(query):
        if wanted.get(row.bot_id) == row.version:
            found[str(row.bot_id)] = _SETTINGS.decode(row.body)
    return found


async def load_states(system: Session) -> Mapping[str, BotState]:
    """How every bot stands, by bot id; needs a system session."""
    query = select(records.c.key, records.c.body).where(records.c.space == STATE_SPACE)
    return {row.key: _STATE.decode(row.body) for row in await system.fetch_all(query)}


async def find_state(session: Session, bot: Bot) -> BotState | None:
    """How a bot of the tenant stands; None before it first decided."""
    query = select(records.c.body).where(
        records.c.space == STATE_SPACE, records.c.key == bot.bot_id, records.c.owner == session.tenant
    )
    row = await session.fetch_one(query)
    return None if row is None else _STATE.decode(row.body)


async def find_bars(session: Session, bot: Bot) -> tuple[BarsSeen, ...]:
    """What bars the conditions of a bot of the tenant had when that was last said; nothing where it names none."""
    query = select(records.c.body).where(
        records.c.space == BARS_SPACE, records.c.key == bot.bot_id, records.c.owner == session.tenant
    )
    row = await session.fetch_one(query)
    return () if row is None else _BARS.decode(row.body)


async def _add_settings(session: Session, bot: Bot) -> None:
    values = {
        "bot_id": bot.bot_id,
        "version": bot.settings_version,
        "tenant": bot.tenant,
        "body": msgspec.json.encode(bot.settings),
        "created_ms": bot.created_ms,
    }
    await session.execute(insert(bot_settings), [values])


def _joined() -> Select[Any]:
    newest = (bots.c.bot_id == bot_settings.c.bot_id) & (bots.c.settings_version == bot_settings.c.version)
    return select(bots, bot_settings.c.body).join(bot_settings, newest)


def _read(row: Row[Any]) -> Bot:
    values = values_of(row)
    values["settings"] = _SETTINGS.decode(values.pop("body"))
    values["wish"] = Wish(values["wish"])
    return Bot(**values)
