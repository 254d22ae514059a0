"""Applies the steps of `store/migrations` with Alembic; loaded only when something is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def make_config() -> Config:
    """Where Alembic finds the steps."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def upgrade(connection: Connection) -> None:
    """Apply every step that the database lacks; blocks.

    Raises:
        sqlalchemy.exc.DBAPIError: the database refused.
    """
    config = make_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
