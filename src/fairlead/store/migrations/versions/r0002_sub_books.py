"""A share of each holding for every source; orders say whose they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fairlead.store.columns import Money

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What was held before is nobody's, which needs no row; an order of before has no owner, as its facts have none.
_NEW_FIELDS = ',"source_id":"","strategy_id":"","close_scope":null}'


def upgrade() -> None:
    """Apply the step."""
    op.create_table(
        "sub_positions",
        *(
            sa.Column(name, sa.Text, primary_key=True)
            for name in ("account_id", "symbol", "position_side", "source_id", "strategy_id")
        ),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("quantity", Money, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    whole = "CAST(body AS TEXT)"
    statement = f"UPDATE orders SET body = CAST(substr({whole}, 1, length({whole}) - 1) || :added AS BLOB)"  # noqa: S608
    op.execute(sa.text(statement).bindparams(added=_NEW_FIELDS))
