"""What Alembic runs: the revisions, on the one connection that was handed in."""

from alembic import context

from providers.native.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
