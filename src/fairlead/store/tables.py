"""Every table, once: the journal, the tables made from it, and what people configure.

``info["tenant"]`` marks tables that are read for one tenant only, ``info["config"]`` those whose change a running
server must notice; ``info["sealed"]`` columns whose values only the vault can read, ``info["fixed"]`` those that last.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    UniqueConstraint,
)

from fairlead.store.columns import Bytes, Digest, Money, text_type
from fairlead.store.indexes import index_few, only_where

TENANT: Final = {"tenant": True}
CONFIG: Final = {"config": True}
TENANT_CONFIG: Final = {"tenant": True, "config": True}
SEALED: Final = {"sealed": True}
FIXED: Final = {"fixed": True}
ROLES: Final = ("owner", "admin", "trader", "viewer")
RESPONSE_MODES: Final = ("ack", "wait")

metadata = MetaData(
    naming_convention={"ix": "%(table_name)s_%(column_0_N_name)s", "uq": "%(table_name)s_%(column_0_N_name)s_unique"},
)


def _key(name: str) -> Column[str]:
    return Column(name, text_type(name), primary_key=True)


def _text(name: str, info: dict[str, bool] | None = None) -> Column[str]:
    return Column(name, text_type(name), nullable=False, info=info)


def _time(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _body() -> Column[bytes]:
    return Column("body", Bytes, nullable=False)


def _sealed(name: str) -> Column[bytes]:
    return Column(name, Bytes, nullable=False, info=SEALED)


def _part_of(table: str, key: str, *, primary_key: bool = True) -> Column[str]:
    owner = ForeignKey(f"{table}.{key}", ondelete="CASCADE")
    return Column(key, text_type(key), owner, primary_key=primary_key, nullable=False)


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


# The only index beside seq, because each further one costs a dirty page per row (index locality).
journal = Table(
    "journal",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    _text("tenant"),
    _text("stream"),
    Column("version", Integer, nullable=False),
    _text("kind"),
    Column("key", text_type("key")),
    _text("cause"),
    _time("at_ms"),
    _body(),
    Column("hash", Digest, nullable=False),
    Index("journal_key", "tenant", "kind", "key", unique=True, **only_where("key IS NOT NULL")),
    info=TENANT,
)
heads = Table(
    "heads",
    metadata,
    _key("stream"),
    Column("version", Integer, nullable=False),
    sqlite_with_rowid=False,
)
# By key before owner, so that what comes in together lies together. With rowid: a long body takes no page of its own.
records = Table(
    "records",
    metadata,
    _text("space"),
    _text("owner"),
    _text("key"),
    _body(),
    PrimaryKeyConstraint("space", "key", "owner"),
)

alerts = Table(
    "alerts",
    metadata,
    _key("alert_id"),
    _text("tenant", FIXED),
    _text("hook_id", FIXED),
    _text("duplicate_key", FIXED),
    _time("received_ms"),
    _text("verdict"),
    _body(),
    sqlite_with_rowid=False,
    info=TENANT,
)
requests = Table(
    "requests",
    metadata,
    _key("request_id"),
    _text("tenant", FIXED),
    _text("account_id", FIXED),
    _text("cause", FIXED),
    _text("symbol"),
    _text("status"),
    Column("is_pending", SmallInteger, nullable=False),
    _time("updated_ms"),
    _body(),
    Index("requests_cause", "tenant", "cause"),
    *index_few("requests_pending", ("account_id",), "is_pending", "1"),
    sqlite_with_rowid=False,
    info=TENANT,
)
orders = Table(
    "orders",
    metadata,
    _key("order_id"),
    _text("tenant", FIXED),
    _text("account_id", FIXED),
    _text("request_id"),
    _text("symbol"),
    _text("status"),
    Column("is_open", SmallInteger, nullable=False),
    _time("updated_ms"),
    _body(),
    *index_few("orders_open", ("account_id",), "is_open", "1"),
    sqlite_with_rowid=False,
    info=TENANT,
)
positions = Table(
    "positions",
    metadata,
    _key("account_id"),
    _key("symbol"),
    _key("position_side"),
    _text("tenant", FIXED),
    Column("quantity", Money, nullable=False),
    _body(),
    sqlite_with_rowid=False,
    info=TENANT,
)
sub_positions = Table(
    "sub_positions",
    metadata,
    _key("account_id"),
    _key("symbol"),
    _key("position_side"),
    _key("source_id"),
    _key("strategy_id"),
    _text("tenant", FIXED),
    Column("quantity", Money, nullable=False),
    _body(),
    sqlite_with_rowid=False,
    info=TENANT,
)
balances = Table(
    "balances",
    metadata,
    _key("account_id"),
    _key("currency"),
    _text("tenant", FIXED),
    Column("total", Money, nullable=False),
    Column("reserved", Money, nullable=False),
    _body(),
    sqlite_with_rowid=False,
    info=TENANT,
)
PROJECTIONS: Final = (alerts, requests, orders, positions, sub_positions, balances)

users = Table(
    "users",
    metadata,
    _key("user_id"),
    _text("tenant"),
    Column("username", text_type("username"), nullable=False, unique=True),
    _text("password_hash"),
    _text("role"),
    _text("time_zone"),
    _flag("enabled"),
    _time("created_ms"),
    _one_of("role", ROLES),
    info=TENANT_CONFIG,
)
venue_accounts = Table(
    "venue_accounts",
    metadata,
    _key("account_id"),
    _text("tenant"),
    _text("label"),
    _text("exchange"),
    _text("kind"),
    _text("mode"),
    _text("position_mode"),
    _text("risk_profile"),
    _flag("enabled"),
    _text("opening_balances"),
    _text("fee_rates"),
    _time("created_ms"),
    UniqueConstraint("tenant", "label"),
    info=TENANT_CONFIG,
)
# The fingerprint tells keys apart, so that two accounts never trade with the same one.
venue_keys = Table(
    "venue_keys",
    metadata,
    _part_of("venue_accounts", "account_id"),
    _text("tenant"),
    _sealed("api_key"),
    _sealed("api_secret"),
    _sealed("passphrase"),
    Column("fingerprint", Digest, nullable=False, unique=True),
    _text("permissions"),
    _time("created_ms"),
    info=TENANT_CONFIG,
)
groups = Table(
    "groups",
    metadata,
    _key("group_id"),
    _text("tenant"),
    _text("name"),
    _time("created_ms"),
    UniqueConstraint("tenant", "name"),
    info=TENANT_CONFIG,
)
group_members = Table(
    "group_members",
    metadata,
    _part_of("groups", "group_id"),
    _part_of("venue_accounts", "account_id"),
    _text("tenant"),
    info=TENANT_CONFIG,
)
hooks = Table(
    "hooks",
    metadata,
    _key("hook_id"),
    _text("tenant"),
    Column("owner", text_type("user_id"), ForeignKey("users.user_id"), nullable=False),
    _text("name"),
    Column("token_hash", Digest, nullable=False, unique=True),
    _text("token_hint"),
    Column("previous_token_hash", Digest, unique=True),
    Column("previous_until_ms", BigInteger),
    _text("target"),
    _text("response_mode"),
    _text("risk_profile"),
    _flag("strict_fields"),
    _flag("strict_status"),
    _flag("cap_to_available"),
    _text("address_list"),
    Column("rate_per_minute", Integer, nullable=False),
    _time("stale_after_ms"),
    _flag("stale_close_passes"),
    _flag("enabled"),
    Column("expires_ms", BigInteger),
    _time("created_ms"),
    UniqueConstraint("tenant", "name"),
    _one_of("response_mode", RESPONSE_MODES),
    info=TENANT_CONFIG,
)
risk_profiles = Table(
    "risk_profiles",
    metadata,
    _key("name"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _body(),
    _time("created_ms"),
    info=CONFIG,
)
policies = Table(
    "policies",
    metadata,
    _key("tenant"),
    _key("name"),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _body(),
    _time("created_ms"),
    info=TENANT_CONFIG,
)
# Calls that were refused before they became alerts: the newest few per hook, without their secrets.
hook_calls = Table(
    "hook_calls",
    metadata,
    _part_of("hooks", "hook_id"),
    _key("call_id"),
    _text("tenant"),
    _time("received_ms"),
    _text("source_address"),
    Column("status_code", Integer, nullable=False),
    _text("error"),
    _text("details"),
    _text("body"),
    info=TENANT,
)
notify_channels = Table(
    "notify_channels",
    metadata,
    _key("channel_id"),
    _text("tenant"),
    Column("owner", text_type("user_id"), ForeignKey("users.user_id"), nullable=False),
    _text("name"),
    _text("target"),
    _sealed("secret"),
    _text("levels"),
    _text("time_zone"),
    _flag("enabled"),
    _time("created_ms"),
    UniqueConstraint("tenant", "name"),
    info=TENANT_CONFIG,
)
# Messages on their way to people; what waits is found by its channel and its time.
notify_outbox = Table(
    "notify_outbox",
    metadata,
    _key("message_id"),
    _text("tenant"),
    _part_of("notify_channels", "channel_id", primary_key=False),
    _text("subject"),
    _text("kind"),
    _text("status"),
    Column("attempts", Integer, nullable=False),
    _flag("is_silent"),
    _time("created_ms"),
    _time("due_ms"),
    _time("changed_ms"),
    _text("reason"),
    _body(),
    UniqueConstraint("channel_id", "subject", "kind"),
    *index_few("notify_outbox_waiting", ("channel_id", "due_ms"), "status", "'waiting'"),
    info=TENANT,
)
# How far the journal was read for them, and what was half read.
notify_state = Table("notify_state", metadata, _key("name"), _body(), sqlite_with_rowid=False)
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
