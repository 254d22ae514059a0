"""Sealed values on database servers: they open where they belong only, and keys are replaced beneath them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.store.queries.secrets import list_sealed, replace_sealed
from fairlead.store.session import Store
from fairlead.vault.box import VaultBox
from fairlead.vault.master_keys import VaultError
from fairlead.vault.opener import CredentialOpener
from fairlead.vault.rotation import check_values, forget, rotate
from tests.servers.clean import clean_url, on_every_server
from tests.vault.rows import add_keys, key_file, load_keys, open_all

ACCOUNTS = 9


@on_every_server
async def test_keys_are_sealed_opened_and_replaced_on_a_server(kind: str, tmp_path: Path) -> None:
    store = Store(clean_url(kind, tmp_path))
    try:
        first, second, *_ = await add_keys(store, tmp_path, ACCOUNTS)
        source = key_file(tmp_path)
        box = VaultBox(source)
        before = await open_all(store, box)
        opener = CredentialOpener(lambda: load_keys(store), box)
        await opener.reload()
        done = await rotate(store, source)
        assert (done.resealed, done.problems) == (ACCOUNTS * 3, ())
        # Rows that were read before the rotation open too, until the old key is forgotten.
        with opener.open(first.account_id) as credentials:
            assert credentials.api_secret.reveal() == "secret-0"
        ring = source.read()
        assert ring is not None
        await forget(store, source, ring.names[-1])
        assert await open_all(store, VaultBox(source)) == before
        await opener.reload()
        with opener.open(second.account_id) as credentials:
            assert credentials.api_key.reveal() == "key-1"
        await swap_a_value(store)
        values, problems = await check_values(store, source)
        assert (values, len(problems)) == (ACCOUNTS * 3, 1)
        assert "sealed for another owner or row" in problems[0]
        with pytest.raises(VaultError, match="no vault key"):
            await forget(store, source, "0123456789abcdef")
    finally:
        await store.close()


async def swap_a_value(store: Store) -> None:
    """Put a value of one account into the row of another."""
    async with store.system_session(writes=True) as session:
        one, *_, other = await list_sealed(session)
        assert await replace_sealed(session, one, other.sealed)
