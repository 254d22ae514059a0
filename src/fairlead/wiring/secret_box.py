"""Chooses what seals the secrets that are kept in the database, and where its keys are."""

from __future__ import annotations

from typing import Final

from fairlead.settings import Settings
from fairlead.vault.box import VaultBox
from fairlead.vault.key_sources import KeyFile, KeySource

KEY_FILE: Final = "vault.key"


def open_secret_box(settings: Settings) -> VaultBox:
    """The box of an installation."""
    return VaultBox(find_keys(settings))


def find_keys(settings: Settings) -> KeySource:
    """Where its keys are: a file in the data folder, beside the database and not in it."""
    return KeyFile(settings.data_dir / KEY_FILE)
