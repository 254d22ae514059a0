"""Records lie by their key, whoever owns them: what came in one after the other lies together."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fairlead.store.columns import Bytes, text_type

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TEXTS = ("space", "owner", "key")
_COLUMNS = (*_TEXTS, "body")


def upgrade() -> None:
    """Apply the step."""
    op.rename_table("records", "records_by_owner")
    records = op.create_table(
        "records",
        *(sa.Column(name, text_type(name), nullable=False) for name in _TEXTS),
        sa.Column("body", Bytes, nullable=False),
        sa.PrimaryKeyConstraint("space", "key", "owner"),
    )
    before = sa.table("records_by_owner", *(sa.column(name) for name in _COLUMNS))
    # In the order of the new key, so that they lie together from the start.
    rows = sa.select(before).order_by(before.c.space, before.c.key, before.c.owner)
    op.execute(records.insert().from_select(_COLUMNS, rows))
    op.drop_table("records_by_owner")
