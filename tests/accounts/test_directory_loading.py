"""What is configured in the database is what the directory knows."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from fairlead.accounts.directory import load_directory
from fairlead.accounts.registry import AccountRegistry, Refused, UnknownKindError, check_kinds
from fairlead.accounts.tokens import hash_token
from fairlead.clock import VirtualClock
from fairlead.core.model.account import ExecutionMode, PositionMode, VenueAccount
from fairlead.store.queries.accounts import add_account
from fairlead.store.queries.groups import Group, add_group
from fairlead.store.queries.hooks import Hook, add_hook
from fairlead.store.queries.users import Role, User, add_user
from fairlead.store.session import Store
from tests.servers.clean import clean_sqlite

OWNER = User(
    user_id="u1",
    tenant="acme",
    username="ann",
    password_hash="",
    role=Role.OWNER,
    time_zone="UTC",
    enabled=True,
    created_ms=0,
)
ACCOUNT = VenueAccount(
    account_id="a1",
    tenant="acme",
    label="main",
    exchange="okx",
    kind="paper",
    mode=ExecutionMode.PAPER,
    position_mode=PositionMode.NET,
    risk_profile="alert",
)
HOOK = Hook(
    hook_id="h1",
    tenant="acme",
    owner="u1",
    name="chart",
    token_hash=hash_token("right"),
    token_hint="",
    target="pair",
    risk_profile="alert",
    created_ms=0,
    address_list=("tradingview",),
)


@pytest.fixture(name="store")
async def _store(tmp_path: Path) -> AsyncIterator[Store]:
    url = clean_sqlite(tmp_path)
    store = Store(url)
    yield store
    await store.close()


async def test_an_account_of_an_unknown_kind_takes_no_orders_and_stops_a_start_until_it_is_disabled(
    store: Store,
) -> None:
    strange = msgspec.structs.replace(ACCOUNT, account_id="a2", label="strange", kind="bank")
    async with store.session("acme", writes=True) as session:
        await add_account(session, ACCOUNT, created_ms=0)
        await add_account(session, strange, created_ms=0)
    directory = await load_directory(store)
    assert [(one.label, one.enabled) for one in directory.list_accounts("acme")] == [("main", True), ("strange", False)]
    words = (
        "account 'strange' is of kind 'bank', and this version knows ccxt, okx, paper only: .* account disable strange"
    )
    with pytest.raises(UnknownKindError, match=words):
        await check_kinds(store)
    registry = AccountRegistry(store, VirtualClock())
    assert await registry.set_enabled("acme", "strange", enabled=False) == msgspec.structs.replace(
        strange, enabled=False
    )
    await check_kinds(store)
    refused = await registry.set_enabled("acme", "strange", enabled=True)
    assert isinstance(refused, Refused)
    assert re.match(words, refused.message)


async def test_everything_configured_is_loaded(store: Store) -> None:
    async with store.session("acme", writes=True) as session:
        await add_user(session, OWNER)
        await add_account(session, ACCOUNT, created_ms=0)
        await add_group(session, Group(group_id="g1", tenant="acme", name="pair", created_ms=0, account_ids=("a1",)))
        await add_hook(session, HOOK)
    directory = await load_directory(store)
    assert directory.find_hook_by_token(hash_token("right"), 0) == HOOK
    assert directory.find_user("ann") == OWNER
    assert directory.resolve("acme", ["pair"]).accounts == (ACCOUNT,)
