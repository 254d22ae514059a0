"""Every table, once: the journal, the tables made from it, and what people configure.

``info["tenant"]`` marks tables that are read for one tenant only, ``info["config"]`` those whose change a running
server must notice; ``info["sealed"]`` columns whose values only the vault can read, ``info["fixed"]`` those that last.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    UniqueConstraint,
)

from fairlead.store import table_parts as parts
from fairlead.store.bot_tables import BOTS
from fairlead.store.columns import Digest, Money, text_type
from fairlead.store.indexes import index_few, only_where
from fairlead.store.link_tables import LINKS

ROLES: Final = ("owner", "admin", "trader", "viewer")
RESPONSE_MODES: Final = ("ack", "wait")

metadata = parts.metadata

# The only index beside seq, because each further one costs a dirty page per row (index locality).
journal = Table(
    "journal",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    parts.text("tenant"),
    parts.text("stream"),
    Column("version", Integer, nullable=False),
    parts.text("kind"),
    Column("key", text_type("key")),
    parts.text("cause"),
    parts.time("at_ms"),
    parts.body(),
    Column("hash", Digest, nullable=False),
    Index("journal_key", "tenant", "kind", "key", unique=True, **only_where("key IS NOT NULL")),
    info=parts.TENANT,
)
heads = Table(
    "heads",
    metadata,
    parts.key("stream"),
    Column("version", Integer, nullable=False),
    sqlite_with_rowid=False,
)
# By key before owner, so that what comes in together lies together. With rowid: a long body takes no page of its own.
records = Table(
    "records",
    metadata,
    parts.text("space"),
    parts.text("owner"),
    parts.text("key"),
    parts.body(),
    PrimaryKeyConstraint("space", "key", "owner"),
)

alerts = Table(
    "alerts",
    metadata,
    parts.key("alert_id"),
    parts.text("tenant", parts.FIXED),
    parts.text("hook_id", parts.FIXED),
    parts.text("duplicate_key", parts.FIXED),
    parts.time("received_ms"),
    parts.text("verdict"),
    parts.body(),
    sqlite_with_rowid=False,
    info=parts.TENANT,
)
requests = Table(
    "requests",
    metadata,
    parts.key("request_id"),
    parts.text("tenant", parts.FIXED),
    parts.text("account_id", parts.FIXED),
    parts.text("cause", parts.FIXED),
    parts.text("symbol"),
    parts.text("status"),
    Column("is_pending", SmallInteger, nullable=False),
    parts.time("updated_ms"),
    parts.body(),
    Index("requests_cause", "tenant", "cause"),
    *index_few("requests_pending", ("account_id",), "is_pending", "1"),
    sqlite_with_rowid=False,
    info=parts.TENANT,
)
orders = Table(
    "orders",
    metadata,
    parts.key("order_id"),
    parts.text("tenant", parts.FIXED),
    parts.text("account_id", parts.FIXED),
    parts.text("request_id"),
    parts.text("symbol"),
    parts.text("status"),
    Column("is_open", SmallInteger, nullable=False),
    parts.time("updated_ms"),
    parts.body(),
    *index_few("orders_open", ("account_id",), "is_open", "1"),
    sqlite_with_rowid=False,
    info=parts.TENANT,
)
positions = Table(
    "positions",
    metadata,
    parts.key("account_id"),
    parts.key("symbol"),
    parts.key("position_side"),
    parts.text("tenant", parts.FIXED),
    Column("quantity", Money, nullable=False),
    parts.body(),
    sqlite_with_rowid=False,
    info=parts.TENANT,
)
sub_positions = Table(
    "sub_positions",
    metadata,
    parts.key("account_id"),
    parts.key("symbol"),
    parts.key("position_side"),
    parts.key("source_id"),
    parts.key("strategy_id"),
    parts.text("tenant", parts.FIXED),
    Column("quantity", Money, nullable=False),
    parts.body(),
    sqlite_with_rowid=False,
    info=parts.TENANT,
)
balances = Table(
    "balances",
    metadata,
    parts.key("account_id"),
    parts.key("currency"),
    parts.text("tenant", parts.FIXED),
    Column("total", Money, nullable=False),
    Column("reserved", Money, nullable=False),
    parts.body(),
    sqlite_with_rowid=False,
    info=parts.TENANT,
)
# Known with the others to whoever copies, checks or makes them.
LINKED: Final = (*LINKS, *BOTS)
PROJECTIONS: Final = (alerts, requests, orders, positions, sub_positions, balances)

users = Table(
    "users",
    metadata,
    parts.key("user_id"),
    parts.text("tenant"),
    Column("username", text_type("username"), nullable=False, unique=True),
    parts.text("password_hash"),
    parts.text("role"),
    parts.text("time_zone"),
    parts.flag("enabled"),
    parts.time("created_ms"),
    parts.one_of("role", ROLES),
    info=parts.TENANT_CONFIG,
)
venue_accounts = Table(
    "venue_accounts",
    metadata,
    parts.key("account_id"),
    parts.text("tenant"),
    parts.text("label"),
    parts.text("exchange"),
    parts.text("kind"),
    parts.text("mode"),
    parts.text("position_mode"),
    parts.text("risk_profile"),
    parts.flag("enabled"),
    parts.text("opening_balances"),
    parts.text("fee_rates"),
    parts.time("created_ms"),
    UniqueConstraint("tenant", "label"),
    info=parts.TENANT_CONFIG,
)
# The fingerprint tells keys apart, so that two accounts never trade with the same one.
venue_keys = Table(
    "venue_keys",
    metadata,
    parts.part_of("venue_accounts", "account_id"),
    parts.text("tenant"),
    parts.sealed("api_key"),
    parts.sealed("api_secret"),
    parts.sealed("passphrase"),
    Column("fingerprint", Digest, nullable=False, unique=True),
    parts.text("permissions"),
    parts.time("created_ms"),
    info=parts.TENANT_CONFIG,
)
groups = Table(
    "groups",
    metadata,
    parts.key("group_id"),
    parts.text("tenant"),
    parts.text("name"),
    parts.time("created_ms"),
    UniqueConstraint("tenant", "name"),
    info=parts.TENANT_CONFIG,
)
group_members = Table(
    "group_members",
    metadata,
    parts.part_of("groups", "group_id"),
    parts.part_of("venue_accounts", "account_id"),
    parts.text("tenant"),
    info=parts.TENANT_CONFIG,
)
hooks = Table(
    "hooks",
    metadata,
    parts.key("hook_id"),
    parts.text("tenant"),
    Column("owner", text_type("user_id"), ForeignKey("users.user_id"), nullable=False),
    parts.text("name"),
    Column("token_hash", Digest, nullable=False, unique=True),
    parts.text("token_hint"),
    Column("previous_token_hash", Digest, unique=True),
    Column("previous_until_ms", BigInteger),
    parts.text("target"),
    parts.text("response_mode"),
    parts.text("risk_profile"),
    parts.flag("strict_fields"),
    parts.flag("strict_status"),
    parts.flag("cap_to_available"),
    parts.text("address_list"),
    Column("rate_per_minute", Integer, nullable=False),
    parts.time("stale_after_ms"),
    parts.flag("stale_close_passes"),
    parts.flag("enabled"),
    Column("expires_ms", BigInteger),
    parts.time("created_ms"),
    UniqueConstraint("tenant", "name"),
    parts.one_of("response_mode", RESPONSE_MODES),
    info=parts.TENANT_CONFIG,
)
risk_profiles = Table(
    "risk_profiles",
    metadata,
    parts.key("name"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    parts.body(),
    parts.time("created_ms"),
    info=parts.CONFIG,
)
policies = Table(
    "policies",
    metadata,
    parts.key("tenant"),
    parts.key("name"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    parts.body(),
    parts.time("created_ms"),
    info=parts.TENANT_CONFIG,
)
# Calls that were refused before they became alerts: the newest few per hook, without their secrets.
hook_calls = Table(
    "hook_calls",
    metadata,
    parts.part_of("hooks", "hook_id"),
    parts.key("call_id"),
    parts.text("tenant"),
    parts.time("received_ms"),
    parts.text("source_address"),
    Column("status_code", Integer, nullable=False),
    parts.text("error"),
    parts.text("details"),
    parts.text("body"),
    info=parts.TENANT,
)
notify_channels = Table(
    "notify_channels",
    metadata,
    parts.key("channel_id"),
    parts.text("tenant"),
    Column("owner", text_type("user_id"), ForeignKey("users.user_id"), nullable=False),
    parts.text("name"),
    parts.text("target"),
    parts.sealed("secret"),
    parts.text("levels"),
    parts.text("time_zone"),
    parts.flag("enabled"),
    parts.time("created_ms"),
    UniqueConstraint("tenant", "name"),
    info=parts.TENANT_CONFIG,
)
# Messages on their way to people; what waits is found by its channel and its time.
notify_outbox = Table(
    "notify_outbox",
    metadata,
    parts.key("message_id"),
    parts.text("tenant"),
    parts.part_of("notify_channels", "channel_id", primary_key=False),
    parts.text("subject"),
    parts.text("kind"),
    parts.text("status"),
    Column("attempts", Integer, nullable=False),
    parts.flag("is_silent"),
    parts.time("created_ms"),
    parts.time("due_ms"),
    parts.time("changed_ms"),
    parts.text("reason"),
    parts.body(),
    UniqueConstraint("channel_id", "subject", "kind"),
    *index_few("notify_outbox_waiting", ("channel_id", "due_ms"), "status", "'waiting'"),
    info=parts.TENANT,
)
# How far the journal was read for them, and what was half read.
notify_state = Table("notify_state", metadata, parts.key("name"), parts.body(), sqlite_with_rowid=False)
# One row, counted up by every change of a config table, so that a server sees what another process did.
config_version = Table(
    "config_version",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single_row"),
)


def is_tenant_table(table: Table) -> bool:
    """Tell whether its rows belong to tenants."""
    return bool(table.info.get("tenant"))


def is_config_table(table: Table) -> bool:
    """Tell whether a running server must notice its changes."""
    return bool(table.info.get("config"))


def is_sealed(column: Column[Any]) -> bool:
    """Tell whether its values are sealed."""
    return bool(column.info.get("sealed"))


def column_names(table: Table) -> tuple[str, ...]:
    """Its columns in the order of definition."""
    return tuple(column.name for column in table.columns)


def key_names(table: Table) -> tuple[str, ...]:
    """The columns of its primary key."""
    columns: Any = table.primary_key.columns
    return tuple(column.name for column in columns)


def changing_names(table: Table) -> tuple[str, ...]:
    """The columns to write where a row is there already; an index over others need not be touched then."""
    return tuple(column.name for column in table.columns if not column.primary_key and not column.info.get("fixed"))
