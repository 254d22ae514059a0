"""Run by Alembic: apply the steps over the connection that ``store.migrate`` opened."""

from __future__ import annotations

from alembic import context

from fairlead.store.tables import metadata
from fairlead.store.urls import DatabaseKind

connection = context.config.attributes["connection"]
# Where a change of the layout cannot be undone (MariaDB), each step at least says that it is done as soon as it is.
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
    transaction_per_migration=connection.dialect.name == DatabaseKind.MARIADB,
)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
