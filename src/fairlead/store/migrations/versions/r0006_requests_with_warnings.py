"""Requests are stored with their warnings and with what their source expected to hold."""

from __future__ import annotations

from alembic import op

from fairlead.store.projections import read_state, write_state
from fairlead.store.rewriting import rewrite_bodies
from fairlead.store.tables import key_names, requests

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the step."""
    rewrite_bodies(op.get_bind(), requests.name, key_names(requests), lambda body: write_state(read_state(body)))
