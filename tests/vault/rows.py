"""A database with sealed keys of many accounts, and what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from fairlead.accounts.registry import AccountRegistry, AccountWish, Refused, VenueKeyRegistry, VenueKeyWish
from fairlead.accounts.registry.groups import DEFAULT_GROUP
from fairlead.clock import VirtualClock
from fairlead.core.model.secret import Secret
from fairlead.ports import SealedPlace
from fairlead.store.migrate import migrate
from fairlead.store.queries.groups import Group, add_group
from fairlead.store.queries.secrets import VenueKeyRow, list_all_venue_keys, list_sealed
from fairlead.store.session import Store
from fairlead.vault.box import VaultBox
from fairlead.vault.key_sources import KeyFile

TENANTS: Final = ("t1", "t2")


def open_store(folder: Path) -> Store:
    """The database of a folder, made if need be."""
    url = f"sqlite:///{folder / 'fairlead.sqlite3'}"
    migrate(url)
    return Store(url)


def key_file(folder: Path) -> KeyFile:
    return KeyFile(folder / "vault.key")


def wish(number: int | str, **changes: object) -> VenueKeyWish:
    return VenueKeyWish(
        **{
            "api_key": Secret(f"key-{number}"),
            "api_secret": Secret(f"secret-{number}"),
            "passphrase": Secret(f"phrase-{number}"),
            **changes,
        }  # type: ignore[arg-type]  # the changes are those of a wish
    )


async def add_accounts(store: Store, count: int) -> VenueKeyRegistry:
    """Accounts of two tenants by turns; their labels are numbers."""
    clock = VirtualClock(1_700_000_000_000)
    registry = AccountRegistry(store, clock)
    for tenant in TENANTS:
        async with store.session(tenant, writes=True) as session:
            await add_group(session, Group(group_id=f"g-{tenant}", tenant=tenant, name=DEFAULT_GROUP, created_ms=1))
    for number in range(count):
        added = await registry.add(tenant_of(number), AccountWish(label=str(number)))
        assert not isinstance(added, Refused), added
    return VenueKeyRegistry(store, clock)


async def add_keys(store: Store, folder: Path, count: int) -> list[VenueKeyRow]:
    """Accounts with a sealed key each; three sealed values an account."""
    registry = await add_accounts(store, count)
    box = VaultBox(key_file(folder))
    rows = [await registry.set(tenant_of(number), str(number), wish(number), box) for number in range(count)]
    return [row for row in rows if isinstance(row, VenueKeyRow)]


async def open_all(store: Store, box: VaultBox) -> dict[SealedPlace, str]:
    """Every sealed value in clear, by where it belongs."""
    async with store.system_session() as session:
        return {value.place: box.open(value.sealed, value.place).reveal() for value in await list_sealed(session)}


async def load_keys(store: Store) -> list[VenueKeyRow]:
    async with store.system_session() as session:
        return list(await list_all_venue_keys(session))


def tenant_of(number: int) -> str:
    return TENANTS[number % len(TENANTS)]
