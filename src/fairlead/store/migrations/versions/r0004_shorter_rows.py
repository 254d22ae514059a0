"""States are written without the fields that say nothing; rows of before are written anew in that form."""

from __future__ import annotations

from alembic import op

from fairlead.store.projections import read_state, write_state
from fairlead.store.rewriting import rewrite_bodies
from fairlead.store.tables import PROJECTIONS, key_names

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    for table in PROJECTIONS:
        rewrite_bodies(op.get_bind(), table.name, key_names(table), lambda body: write_state(read_state(body)))
