"""The vault as commands use it: only while no key is missing, and a first key is told to whoever made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fairlead.cli.output import tell
from fairlead.cli.records import ask_database, prepare_database, run_uninterrupted

if TYPE_CHECKING:
    from fairlead.settings import Settings
    from fairlead.vault.box import VaultBox

NEW_KEY: Final = """\
A vault key was made: {path}
Whoever has it and a copy of the database can read what is sealed. Keep a copy of it in a safe place, apart from the
backups: without it venue keys and channel secrets must be given again."""


def open_vault(settings: Settings) -> VaultBox:
    """Open the vault for sealing.

    Raises:
        StopError: a key is missing that sealed values need, so that sealing with another would only add to the mess.
    """
    from fairlead.cli.failures import database_failures_explained
    from fairlead.vault.rotation import check_keys
    from fairlead.wiring.secret_box import find_keys, open_secret_box

    prepare_database(settings)
    with database_failures_explained(settings):
        source = find_keys(settings)
        run_uninterrupted(ask_database(settings, lambda registry: check_keys(registry.store, source)))
        return open_secret_box(settings, tell_new_key)


def tell_new_key(path: str) -> None:
    """Say where the first key is, and what it is worth."""
    tell(NEW_KEY.format(path=path))
