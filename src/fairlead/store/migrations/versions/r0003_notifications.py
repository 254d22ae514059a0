"""Channels that people are told through, and the messages that wait for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fairlead.store.columns import Bytes, text_type
from fairlead.store.urls import DatabaseKind

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, text_type(name), nullable=False) for name in names]


def _times(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "notify_channels",
        sa.Column("channel_id", text_type("channel_id"), primary_key=True),
        *_text("tenant"),
        sa.Column("owner", text_type("user_id"), sa.ForeignKey("users.user_id"), nullable=False),
        *_text("name", "target"),
        sa.Column("secret", Bytes, nullable=False),
        *_text("levels", "time_zone"),
        sa.Column("enabled", sa.Boolean, nullable=False),
        *_times("created_ms"),
        sa.UniqueConstraint("tenant", "name", name="notify_channels_tenant_name_unique"),
    )
    op.create_table(
        "notify_outbox",
        sa.Column("message_id", text_type("message_id"), primary_key=True),
        *_text("tenant"),
        sa.Column(
            "channel_id",
            text_type("channel_id"),
            sa.ForeignKey("notify_channels.channel_id", ondelete="CASCADE"),
            nullable=False,
        ),
        *_text("subject", "kind", "status"),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("is_silent", sa.Boolean, nullable=False),
        *_times("created_ms", "due_ms", "changed_ms"),
        *_text("reason"),
        sa.Column("body", Bytes, nullable=False),
        sa.UniqueConstraint("channel_id", "subject", "kind", name="notify_outbox_channel_id_subject_kind_unique"),
    )
    if op.get_bind().dialect.name == DatabaseKind.MARIADB:
        op.create_index("notify_outbox_waiting_first", "notify_outbox", ["status", "channel_id", "due_ms"])
    else:
        op.create_index(
            "notify_outbox_waiting",
            "notify_outbox",
            ["channel_id", "due_ms"],
            sqlite_where=sa.text("status = 'waiting'"),
            postgresql_where=sa.text("status = 'waiting'"),
        )
    op.create_table(
        "notify_state",
        sa.Column("name", text_type("name"), primary_key=True),
        sa.Column("body", Bytes, nullable=False),
        sqlite_with_rowid=False,
    )
