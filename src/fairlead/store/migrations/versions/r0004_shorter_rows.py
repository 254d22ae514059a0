"""States are written without the fields that say nothing; rows of before are written anew in that form."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from fairlead.store.projections import read_state, write_state
from fairlead.store.tables import PROJECTIONS

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    database = op.get_bind().connection.driver_connection
    assert database is not None
    # A function of the connection, so that SQLite walks the tables itself however many orders there are.
    database.create_function("written_anew", 1, lambda body: write_state(read_state(body)), deterministic=True)
    for table in PROJECTIONS:
        op.execute(sa.update(table).values(body=sa.func.written_anew(table.c.body)))
