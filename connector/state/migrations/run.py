"""Bring a store to the newest version, inside the transaction of the given connection."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def scripts() -> ScriptDirectory:
    """The migrations of this program."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def upgrade(connection: Connection) -> None:
    """Run every migration the store lacks. The caller holds the transaction and commits."""
    directory = scripts()
    environment = EnvironmentContext(
        Config(),
        directory,
        fn=lambda revision, _: directory._upgrade_revs("heads", revision),
    )
    with environment:
        environment.configure(connection=connection, transactional_ddl=False, transaction_per_migration=False)
        environment.run_migrations()
