"""Chooses what seals the secrets that are kept in the database, and where its keys are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fairlead.settings import PREFIX, Settings
from fairlead.store.urls import DatabaseKind, database_kind
from fairlead.vault.box import VaultBox
from fairlead.vault.key_sources import GivenKeys, KeyFile, KeySource, NoKeys
from fairlead.vault.master_keys import VaultError

KEY_FILE: Final = "vault.key"
CREDENTIAL: Final = "fairlead-vault-key"
CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"


def open_secret_box(settings: Settings, tell_new_key: Callable[[str], None] | None = None) -> VaultBox:
    """The box of an installation; ``tell_new_key`` hears where its first key was put.

    Raises:
        VaultError: the keys that are given are none.
    """
    source = find_keys(settings)
    return VaultBox(source) if tell_new_key is None else VaultBox(source, tell_new_key)


def find_keys(settings: Settings) -> KeySource:
    """Where the keys of an installation are: the environment, a named file, a systemd credential, or the data folder.

    Raises:
        VaultError: what is given there are no keys.
    """
    if given := settings.vault_key.get_secret_value():
        return GivenKeys(given, f"environment {PREFIX}VAULT_KEY")
    if settings.vault_key_file is not None:
        return KeyFile(settings.vault_key_file)
    credential = Path(os.environ.get(CREDENTIALS_VARIABLE, "/nonexistent")) / CREDENTIAL
    if credential.is_file():
        return _read_credential(credential)
    # A newcomer needs no key before there is something to seal. Whoever runs a database server backs that up with its
    # own tools, and must know that a key beside our files is needed too; so there it is named, not made up.
    if database_kind(settings.store_url) is DatabaseKind.SQLITE:
        return KeyFile(settings.data_dir / KEY_FILE)
    return NoKeys()


# systemd guards its folder itself, and may let the file belong to root.
def _read_credential(path: Path) -> GivenKeys:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise VaultError(f"the systemd credential {path} cannot be read") from None
    return GivenKeys(text, f"systemd credential {CREDENTIAL}")
