"""Seats at the rate limits of venues."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fairlead.store.columns import text_type

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "rate_seats",
        sa.Column("name", text_type("name"), primary_key=True),
        sa.Column("holder", text_type("holder"), nullable=False),
        sa.Column("free_ms", sa.BigInteger, nullable=False),
    )
