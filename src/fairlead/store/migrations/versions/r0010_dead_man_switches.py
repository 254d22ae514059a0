"""After how long without us a venue shall cancel what rests there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fairlead.store.columns import text_type

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    owner = sa.ForeignKey("venue_accounts.account_id", ondelete="CASCADE")
    op.create_table(
        "dead_man_switches",
        sa.Column("account_id", text_type("account_id"), owner, primary_key=True, nullable=False),
        sa.Column("tenant", text_type("tenant"), nullable=False),
        sa.Column("timeout_s", sa.Integer, nullable=False),
    )
