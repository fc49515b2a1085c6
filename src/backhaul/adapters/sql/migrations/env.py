"""Run the migrations on the connection that `SqlStore.migrate` hands in, inside its transaction."""

from alembic import context

from backhaul.adapters.sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
