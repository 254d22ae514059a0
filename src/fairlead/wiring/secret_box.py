"""Chooses what seals the secrets that are kept in the database."""

from __future__ import annotations

from typing import Final

from fairlead.accounts.sealing import KeyFileBox
from fairlead.ports import SecretBox
from fairlead.settings import Settings

KEY_FILE: Final = "secrets.key"


def open_secret_box(settings: Settings) -> SecretBox:
    """The box of an installation; its key lies in the data folder, beside the database and not in it."""
    return KeyFileBox(settings.data_dir / KEY_FILE)
