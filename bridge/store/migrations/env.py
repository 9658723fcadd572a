"""Runs the migrations on the connection that bridge hands over, within its transaction."""

from alembic import context

from bridge.store._tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite alters a table by making a new one; its transactions cover that too.
    render_as_batch=True,
    transactional_ddl=True,
)
context.run_migrations()
