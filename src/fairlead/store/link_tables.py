"""Tables of how accounts keep to their venues: where these are, and what people decide about the two."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Integer, Table

from fairlead.store import table_parts as parts
from fairlead.store.columns import text_type

# Where the venue of an account is, when that is not where everybody finds it; ``environment`` is live or demo.
venue_links = Table(
    "venue_links",
    parts.metadata,
    parts.part_of("venue_accounts", "account_id"),
    parts.text("tenant"),
    parts.text("environment"),
    parts.text("rest_url"),
    parts.text("socket_url"),
    info=parts.TENANT_CONFIG,
)
drift_decisions = Table(
    "drift_decisions",
    parts.metadata,
    Column("drift_id", text_type("key"), primary_key=True),
    parts.text("tenant"),
    parts.part_of("venue_accounts", "account_id", primary_key=False),
    parts.text("way"),
    parts.text("decided_by"),
    parts.text("reason"),
    parts.time("created_ms"),
    parts.text("outcome"),
    info=parts.TENANT_CONFIG,
)
drift_policies = Table(
    "drift_policies",
    parts.metadata,
    parts.part_of("venue_accounts", "account_id"),
    parts.text("tenant"),
    parts.text("causes"),
    info=parts.TENANT_CONFIG,
)
# A choice of 0 seconds is off, and still has to be told to the venue; without a row nobody ever chose.
dead_man_switches = Table(
    "dead_man_switches",
    parts.metadata,
    parts.part_of("venue_accounts", "account_id"),
    parts.text("tenant"),
    Column("timeout_s", Integer, nullable=False),
    info=parts.TENANT_CONFIG,
)
# Which process uses which part of a venue's rate limits; a seat left or given up is free for the next from then on.
rate_seats = Table("rate_seats", parts.metadata, parts.key("name"), parts.text("holder"), parts.time("free_ms"))
LINKS: Final = (venue_links, drift_decisions, drift_policies, dead_man_switches, rate_seats)
