"""Bots: what they are, every version of their settings, and what people told them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fairlead.store.columns import Bytes, text_type

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "bots",
        sa.Column("bot_id", text_type("bot_id"), primary_key=True),
        _text("tenant"),
        sa.Column("owner", text_type("user_id"), sa.ForeignKey("users.user_id"), nullable=False),
        _part_of("venue_accounts", "account_id", primary_key=False),
        *map(_text, ("name", "symbol", "wish")),
        sa.Column("settings_version", sa.Integer, nullable=False),
        _time(),
        sa.UniqueConstraint("tenant", "name"),
    )
    op.create_table(
        "bot_settings",
        _part_of("bots", "bot_id", primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        _text("tenant"),
        sa.Column("body", Bytes, nullable=False),
        _time(),
    )
    op.create_table(
        "bot_commands",
        _part_of("bots", "bot_id", primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        *map(_text, ("tenant", "told_by")),
        sa.Column("body", Bytes, nullable=False),
        _time(),
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, text_type(name), nullable=False)


def _time() -> sa.Column[int]:
    return sa.Column("created_ms", sa.BigInteger, nullable=False)


def _part_of(table: str, key: str, *, primary_key: bool) -> sa.Column[str]:
    owner = sa.ForeignKey(f"{table}.{key}", ondelete="CASCADE")
    return sa.Column(key, text_type(key), owner, primary_key=primary_key, nullable=False)
