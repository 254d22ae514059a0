"""A share of each holding for every source; orders say whose they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fairlead.store.columns import Bytes, Money, text_type
from fairlead.store.rewriting import rewrite_bodies

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What was held before is nobody's, which needs no row; an order of before has no owner, as its facts have none.
_NEW_FIELDS = b',"source_id":"","strategy_id":"","close_scope":null}'


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "sub_positions",
        *(
            sa.Column(name, text_type(name), primary_key=True)
            for name in ("account_id", "symbol", "position_side", "source_id", "strategy_id")
        ),
        sa.Column("tenant", text_type("tenant"), nullable=False),
        sa.Column("quantity", Money, nullable=False),
        sa.Column("body", Bytes, nullable=False),
        sqlite_with_rowid=False,
    )
    rewrite_bodies(op.get_bind(), "orders", ("order_id",), lambda body: body[:-1] + _NEW_FIELDS)
