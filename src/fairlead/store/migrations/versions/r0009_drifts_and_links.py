"""Decisions about drifts, what is adopted unasked, and where the venue of an account is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fairlead.store.columns import text_type

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "drift_decisions",
        sa.Column("drift_id", text_type("key"), primary_key=True),
        _text("tenant"),
        _account(primary_key=False),
        *map(_text, ("way", "decided_by", "reason")),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        _text("outcome"),
    )
    op.create_table("drift_policies", _account(primary_key=True), _text("tenant"), _text("causes"))
    op.create_table(
        "venue_links",
        _account(primary_key=True),
        _text("tenant"),
        *map(_text, ("environment", "rest_url", "socket_url")),
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, text_type(name), nullable=False)


def _account(*, primary_key: bool) -> sa.Column[str]:
    owner = sa.ForeignKey("venue_accounts.account_id", ondelete="CASCADE")
    return sa.Column("account_id", text_type("account_id"), owner, primary_key=primary_key, nullable=False)
