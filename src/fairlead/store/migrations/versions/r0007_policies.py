"""Policies of tenants, every version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fairlead.store.columns import Bytes, text_type

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "policies",
        *(sa.Column(name, text_type(name), primary_key=True) for name in ("tenant", "name")),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", Bytes, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
    )
