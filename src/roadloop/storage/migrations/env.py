"""Alembic's entry: runs the versions on the connection that `storage.migrate` opened."""

from alembic import context

from roadloop.storage.database import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
