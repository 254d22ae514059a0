"""Sealed keys of venue accounts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fairlead.store.columns import Bytes, Digest, text_type

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "venue_keys",
        sa.Column(
            "account_id",
            text_type("account_id"),
            sa.ForeignKey("venue_accounts.account_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("tenant", text_type("tenant"), nullable=False),
        *(sa.Column(name, Bytes, nullable=False) for name in ("api_key", "api_secret", "passphrase")),
        sa.Column("fingerprint", Digest, nullable=False),
        sa.Column("permissions", text_type("permissions"), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("fingerprint", name="venue_keys_fingerprint_unique"),
    )
