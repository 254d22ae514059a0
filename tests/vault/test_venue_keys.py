"""Keys of venue accounts go in, are opened for signing, and come out nowhere else."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import msgspec
import pytest

from fairlead.accounts.registry import Refused, VenueKeyRegistry
from fairlead.clock import VirtualClock
from fairlead.core.model.secret import Secret
from fairlead.store.queries.secrets import VenueKeyRow
from fairlead.store.session import Store
from fairlead.vault.box import VaultBox
from fairlead.vault.master_keys import VaultError
from fairlead.vault.opener import CredentialOpener
from tests.vault.rows import add_accounts, add_keys, key_file, load_keys, wish


async def make_opener(store: Store, folder: Path) -> CredentialOpener:
    opener = CredentialOpener(lambda: load_keys(store), VaultBox(key_file(folder)))
    await opener.reload()
    return opener


async def test_a_key_opens_for_its_account_and_only_inside_the_with(store: Store, folder: Path) -> None:
    first, second = await add_keys(store, folder, 2)
    opener = await make_opener(store, folder)
    with opener.open(first.account_id) as credentials:
        parts = (credentials.api_key, credentials.api_secret, credentials.passphrase)
        assert [part.reveal() for part in parts] == ["key-0", "secret-0", "phrase-0"]
    with pytest.raises(VaultError, match="were closed"):
        _ = credentials.api_secret
    with opener.open(second.account_id) as other:
        assert other.api_key == Secret("key-1")
    with pytest.raises(RuntimeError, match="halt"), opener.open(first.account_id) as credentials:
        raise RuntimeError("halt")
    with pytest.raises(VaultError, match="were closed"):
        _ = credentials.passphrase
    assert (opener.opened, opener.failed) == (3, 0)


async def test_open_credentials_show_nothing(store: Store, folder: Path) -> None:
    (row,) = await add_keys(store, folder, 1)
    opener = await make_opener(store, folder)
    with opener.open(row.account_id) as credentials:
        told = f"{credentials!r} {credentials} {credentials.api_secret!r} {row!r}"
        assert "secret-0" not in told
        for carry in (pickle.dumps, copy.copy, copy.deepcopy, msgspec.json.encode):
            with pytest.raises(TypeError):
                carry(credentials)
    assert "key-0" not in repr(wish(0))


async def test_a_row_that_was_moved_to_another_account_does_not_open(store: Store, folder: Path) -> None:
    first, second = await add_keys(store, folder, 2)
    moved = msgspec.structs.replace(first, account_id=second.account_id)
    stolen = msgspec.structs.replace(first, tenant=second.tenant)

    async def load() -> list[VenueKeyRow]:
        return [moved, stolen]

    opener = CredentialOpener(load, VaultBox(key_file(folder)))
    await opener.reload()
    for account_id in (first.account_id, second.account_id):
        with pytest.raises(VaultError, match="sealed for another owner or row"), opener.open(account_id):
            pass
    with pytest.raises(VaultError, match="has no venue key"), opener.open("nobody"):
        pass
    assert (opener.opened, opener.failed) == (0, 3)


async def test_what_is_stored_is_sealed(store: Store, folder: Path) -> None:
    await add_keys(store, folder, 3)
    await store.close()
    stored = read_database(folder)
    for part in (b"secret-", b"phrase-", b"key-0"):
        assert part not in stored


def read_database(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("fairlead.sqlite3*"))


async def test_no_two_accounts_have_the_same_key_whoever_owns_them(store: Store, folder: Path) -> None:
    registry, box = await add_accounts(store, 3), VaultBox(key_file(folder))
    first = await registry.set("t1", "0", wish(7), box)
    assert isinstance(first, VenueKeyRow)
    for tenant, account in (("t1", "2"), ("t2", "1")):
        refused = await registry.set(tenant, account, wish(7, api_secret=Secret("other")), box)
        assert isinstance(refused, Refused)
        assert "another account has this key already" in refused.message
    assert isinstance(await registry.set("t1", "0", wish(7, passphrase=Secret("new")), box), VenueKeyRow)


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"permissions": ("trade", "withdraw")}, "may withdraw is not kept"),
        ({"permissions": ("everything",)}, "some of read_only, trade"),
        ({"permissions": ()}, "some of read_only, trade"),
        ({"api_secret": Secret("")}, "the secret is empty"),
        ({"passphrase": Secret("")}, "passphrase is empty, and okx asks for it"),
        ({"api_key": Secret("two\nlines")}, "one line of at most 512"),
        ({"api_key": Secret("x" * 513)}, "one line of at most 512"),
        ({"api_key": Secret(" x")}, "without spaces around it"),
    ],
)
async def test_a_key_that_cannot_work_or_may_too_much_is_refused(
    store: Store, folder: Path, changes: dict[str, object], part: str
) -> None:
    registry = await add_accounts(store, 1)
    refused = await registry.set("t1", "0", wish(0, **changes), VaultBox(key_file(folder)))
    assert isinstance(refused, Refused)
    assert part in refused.message
    assert not (folder / "vault.key").exists()


async def test_a_key_is_another_tenants_business(store: Store, folder: Path) -> None:
    await add_keys(store, folder, 1)
    registry = VenueKeyRegistry(store, VirtualClock(1))
    for asked in (registry.find("t2", "0"), registry.remove("t2", "0")):
        assert isinstance(await asked, Refused)
    assert not isinstance(await registry.remove("t1", "0"), Refused)
    assert await load_keys(store) == []
