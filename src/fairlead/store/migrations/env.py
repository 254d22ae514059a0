"""Run by Alembic: apply the steps over the connection that ``store.migrate`` opened."""

from __future__ import annotations

from alembic import context

from fairlead.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
