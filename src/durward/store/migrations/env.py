"""What alembic runs: the migrations, on the connection that it was given."""

from alembic import context

from durward.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
