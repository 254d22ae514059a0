"""The journal, the tables made from it, and what people configure."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from fairlead.store.columns import Bytes, Digest, Money, text_type
from fairlead.store.urls import DatabaseKind

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    _create_journal()
    _create_alerts_and_requests()
    _create_orders()
    _create_holdings()
    _create_users_and_accounts()
    _create_hooks()
    op.execute(sa.text("INSERT INTO config_version (id, version) VALUES (1, 0)"))


def _key(name: str) -> sa.Column[str]:
    return sa.Column(name, text_type(name), primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, text_type(name), nullable=False)


def _time(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _blob(name: str) -> sa.Column[bytes]:
    return sa.Column(name, Bytes, nullable=False)


def _digest(name: str, *, nullable: bool) -> sa.Column[bytes]:
    return sa.Column(name, Digest, nullable=nullable)


def _owned(name: str, parent: str) -> sa.Column[str]:
    return sa.Column(name, text_type(name), sa.ForeignKey(f"{parent}.{name}", ondelete="CASCADE"), primary_key=True)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _create_index_of_few(name: str, table: str, flag: str) -> None:
    if op.get_bind().dialect.name == DatabaseKind.MARIADB:
        op.create_index(f"{name}_first", table, [flag, "account_id"])
    else:
        op.create_index(name, table, ["account_id"], **_where(f"{flag} = 1"))


def _create_journal() -> None:
    op.create_table(
        "journal",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        _text("tenant"),
        _text("stream"),
        sa.Column("version", sa.Integer, nullable=False),
        _text("kind"),
        sa.Column("key", text_type("key")),
        _text("cause"),
        _time("at_ms"),
        _blob("body"),
        _digest("hash", nullable=False),
    )
    op.create_index(
        "journal_key",
        "journal",
        ["tenant", "kind", "key"],
        unique=True,
        **_where("key IS NOT NULL"),
    )
    op.create_table(
        "heads",
        _key("stream"),
        sa.Column("version", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table("records", _key("space"), _key("owner"), _key("key"), _blob("body"), sqlite_with_rowid=False)


def _create_alerts_and_requests() -> None:
    op.create_table(
        "alerts",
        _key("alert_id"),
        _text("tenant"),
        _text("hook_id"),
        _text("duplicate_key"),
        _time("received_ms"),
        _text("verdict"),
        _blob("body"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "requests",
        _key("request_id"),
        _text("tenant"),
        _text("account_id"),
        _text("cause"),
        _text("symbol"),
        _text("status"),
        sa.Column("is_pending", sa.SmallInteger, nullable=False),
        _time("updated_ms"),
        _blob("body"),
        sqlite_with_rowid=False,
    )
    op.create_index("requests_cause", "requests", ["tenant", "cause"])
    _create_index_of_few("requests_pending", "requests", "is_pending")


def _create_orders() -> None:
    op.create_table(
        "orders",
        _key("order_id"),
        _text("tenant"),
        _text("account_id"),
        _text("request_id"),
        _text("symbol"),
        _text("status"),
        sa.Column("is_open", sa.SmallInteger, nullable=False),
        _time("updated_ms"),
        _blob("body"),
        sqlite_with_rowid=False,
    )
    _create_index_of_few("orders_open", "orders", "is_open")


def _create_holdings() -> None:
    op.create_table(
        "positions",
        _key("account_id"),
        _key("symbol"),
        _key("position_side"),
        _text("tenant"),
        sa.Column("quantity", Money, nullable=False),
        _blob("body"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "balances",
        _key("account_id"),
        _key("currency"),
        _text("tenant"),
        sa.Column("total", Money, nullable=False),
        sa.Column("reserved", Money, nullable=False),
        _blob("body"),
        sqlite_with_rowid=False,
    )


def _create_users_and_accounts() -> None:
    op.create_table(
        "users",
        _key("user_id"),
        _text("tenant"),
        _text("username"),
        _text("password_hash"),
        _text("role"),
        _text("time_zone"),
        _flag("enabled"),
        _time("created_ms"),
        sa.UniqueConstraint("username", name="users_username_unique"),
        sa.CheckConstraint("role IN ('owner', 'admin', 'trader', 'viewer')", name="role_known"),
    )
    op.create_table(
        "venue_accounts",
        _key("account_id"),
        *map(_text, ("tenant", "label", "exchange", "kind", "mode", "position_mode", "risk_profile")),
        _flag("enabled"),
        _text("opening_balances"),
        _text("fee_rates"),
        _time("created_ms"),
        sa.UniqueConstraint("tenant", "label", name="venue_accounts_tenant_label_unique"),
    )
    op.create_table(
        "groups",
        _key("group_id"),
        _text("tenant"),
        _text("name"),
        _time("created_ms"),
        sa.UniqueConstraint("tenant", "name", name="groups_tenant_name_unique"),
    )
    op.create_table(
        "group_members", _owned("group_id", "groups"), _owned("account_id", "venue_accounts"), _text("tenant")
    )
    op.create_table(
        "risk_profiles",
        _key("name"),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        _blob("body"),
        _time("created_ms"),
    )
    op.create_table(
        "config_version",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        _time("version"),
        sa.CheckConstraint("id = 1", name="single_row"),
    )


def _create_hooks() -> None:
    op.create_table(
        "hooks",
        _key("hook_id"),
        _text("tenant"),
        sa.Column("owner", text_type("user_id"), sa.ForeignKey("users.user_id"), nullable=False),
        _text("name"),
        _digest("token_hash", nullable=False),
        _text("token_hint"),
        _digest("previous_token_hash", nullable=True),
        sa.Column("previous_until_ms", sa.BigInteger),
        *map(_text, ("target", "response_mode", "risk_profile")),
        *map(_flag, ("strict_fields", "strict_status", "cap_to_available")),
        _text("address_list"),
        sa.Column("rate_per_minute", sa.Integer, nullable=False),
        _time("stale_after_ms"),
        _flag("stale_close_passes"),
        _flag("enabled"),
        sa.Column("expires_ms", sa.BigInteger),
        _time("created_ms"),
        sa.UniqueConstraint("tenant", "name", name="hooks_tenant_name_unique"),
        sa.UniqueConstraint("token_hash", name="hooks_token_hash_unique"),
        sa.UniqueConstraint("previous_token_hash", name="hooks_previous_token_hash_unique"),
        sa.CheckConstraint("response_mode IN ('ack', 'wait')", name="response_mode_known"),
    )
    op.create_table(
        "hook_calls",
        _owned("hook_id", "hooks"),
        _key("call_id"),
        _text("tenant"),
        _time("received_ms"),
        _text("source_address"),
        sa.Column("status_code", sa.Integer, nullable=False),
        *map(_text, ("error", "details", "body")),
    )
