"""Tables of bots as people configure them; how a bot stands is a record in the unit of its newest decision."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, ForeignKey, Integer, Table, UniqueConstraint

from fairlead.store import table_parts as parts
from fairlead.store.columns import text_type

bots = Table(
    "bots",
    parts.metadata,
    parts.key("bot_id"),
    parts.text("tenant"),
    Column("owner", text_type("user_id"), ForeignKey("users.user_id"), nullable=False),
    parts.part_of("venue_accounts", "account_id", primary_key=False),
    parts.text("name"),
    parts.text("symbol"),
    parts.text("wish"),
    Column("settings_version", Integer, nullable=False),
    parts.time("created_ms"),
    UniqueConstraint("tenant", "name"),
    info=parts.TENANT_CONFIG,
)
# A version never changes, so that an old cycle can be read with what it was begun with.
bot_settings = Table(
    "bot_settings",
    parts.metadata,
    parts.part_of("bots", "bot_id"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    parts.text("tenant"),
    parts.body(),
    parts.time("created_ms"),
    info=parts.TENANT_CONFIG,
)
# What a person told a running bot; the bot's state says up to which number it has heard.
bot_commands = Table(
    "bot_commands",
    parts.metadata,
    parts.part_of("bots", "bot_id"),
    Column("number", Integer, primary_key=True, autoincrement=False),
    parts.text("tenant"),
    parts.text("told_by"),
    parts.body(),
    parts.time("created_ms"),
    info=parts.TENANT_CONFIG,
)
BOTS: Final = (bots, bot_settings, bot_commands)
