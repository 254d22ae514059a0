"""The directory finds hooks by token and accounts by name, and never one tenant's for another."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import msgspec

from fairlead.accounts.directory import Directory, LiveDirectory
from fairlead.accounts.tokens import hash_token
from fairlead.core.model.account import ExecutionMode, PositionMode, VenueAccount
from fairlead.store.queries.groups import Group
from fairlead.store.queries.hooks import Hook
from fairlead.store.queries.users import Role, User

NOW_MS = 1_000_000


def make_user(tenant: str, *, enabled: bool = True) -> User:
    return User(
        user_id=f"{tenant}-owner",
        tenant=tenant,
        username=f"{tenant}-ann",
        password_hash="",
        role=Role.OWNER,
        time_zone="UTC",
        enabled=enabled,
        created_ms=0,
    )


def make_account(tenant: str, label: str, *, enabled: bool = True) -> VenueAccount:
    return VenueAccount(
        account_id=f"{tenant}-{label}-id",
        tenant=tenant,
        label=label,
        exchange="okx",
        kind="paper",
        mode=ExecutionMode.PAPER,
        position_mode=PositionMode.NET,
        risk_profile="alert",
        enabled=enabled,
    )


def make_hook(tenant: str, token: str, **changes: object) -> Hook:
    hook = Hook(
        hook_id=f"{tenant}-hook",
        tenant=tenant,
        owner=f"{tenant}-owner",
        name="chart",
        token_hash=hash_token(token),
        token_hint="",
        target="default",
        risk_profile="alert",
        created_ms=0,
    )
    return msgspec.structs.replace(hook, **changes)


def make_group(tenant: str, name: str, *labels: str) -> Group:
    ids = tuple(f"{tenant}-{label}-id" for label in labels)
    return Group(group_id=f"{tenant}-{name}", tenant=tenant, name=name, created_ms=0, account_ids=ids)


def with_hook(hook: Hook, *, enabled: bool = True) -> Directory:
    return Directory(users=[make_user("acme", enabled=enabled)], hooks=[hook])


def opens(directory: Directory, token: str, now_ms: int = NOW_MS) -> bool:
    return directory.find_hook_by_token(hash_token(token), now_ms) is not None


def test_only_its_own_token_opens_a_hook() -> None:
    directory = with_hook(make_hook("acme", "right"))
    assert opens(directory, "right")
    assert not opens(directory, "wrong")
    assert not opens(directory, "")


def test_a_revoked_or_expired_token_opens_nothing() -> None:
    assert not opens(with_hook(make_hook("acme", "right", enabled=False)), "right")
    expiring = with_hook(make_hook("acme", "right", expires_ms=NOW_MS))
    assert opens(expiring, "right", NOW_MS - 1)
    assert not opens(expiring, "right", NOW_MS)


def test_a_token_of_a_disabled_or_missing_owner_opens_nothing() -> None:
    hook = make_hook("acme", "right")
    assert not opens(with_hook(hook, enabled=False), "right")
    assert not opens(Directory(hooks=[hook]), "right")
    assert not opens(Directory(users=[make_user("other")], hooks=[make_hook("acme", "t", owner="other-owner")]), "t")


def test_after_a_rotation_both_tokens_open_until_the_overlap_ends() -> None:
    hook = make_hook("acme", "new", previous_token_hash=hash_token("old"), previous_until_ms=NOW_MS)
    directory = with_hook(hook)
    assert opens(directory, "new")
    assert opens(directory, "old", NOW_MS - 1)
    assert not opens(directory, "old", NOW_MS)
    assert not opens(with_hook(msgspec.structs.replace(hook, previous_until_ms=None)), "old", 0)


def test_names_are_resolved_to_each_account_once() -> None:
    accounts = [make_account("acme", label) for label in ("a", "b", "c")]
    directory = Directory(accounts=accounts, groups=[make_group("acme", "pair", "b", "c")])
    found = directory.resolve("acme", ["acme-a-id", "b", "pair", "nobody"])
    assert [account.label for account in found.accounts] == ["a", "b", "c"]
    assert found.named_one_by_one == {"acme-a-id", "acme-b-id"}
    assert found.unknown == ("nobody",)


def test_the_group_default_is_everything_until_somebody_defines_it() -> None:
    accounts = [make_account("acme", "a"), make_account("acme", "b", enabled=False)]
    for names in ([], ["default"]):
        assert len(Directory(accounts=accounts).resolve("acme", names).accounts) == 2
    defined = Directory(accounts=accounts, groups=[make_group("acme", "default", "a", "gone")])
    assert [account.label for account in defined.resolve("acme", []).accounts] == ["a"]


def test_no_tenant_finds_anything_of_another() -> None:
    accounts = [make_account("acme", "a"), make_account("evil", "e")]
    groups = [make_group("acme", "pair", "a"), make_group("evil", "mine", "e")]
    # Even a group that names a foreign account does not reach it.
    stolen = msgspec.structs.replace(groups[1], account_ids=("acme-a-id", "evil-e-id"))
    directory = Directory(accounts=accounts, groups=[groups[0], stolen], hooks=[make_hook("acme", "t")])
    found = directory.resolve("evil", ["a", "acme-a-id", "pair", "mine", "default"])
    assert {account.tenant for account in found.accounts} == {"evil"}
    assert found.unknown == ("a", "acme-a-id", "pair")
    assert directory.find_hook("evil", "acme-hook") is None
    assert directory.find_hook("acme", "acme-hook") is not None
    assert directory.find_account("evil", "acme-a-id") is None
    assert directory.list_accounts("nobody") == ()


def test_an_address_list_that_cannot_be_read_lets_nobody_in() -> None:
    address = ip_address("192.0.2.1")
    for written, rule in (((), "everyone"), (("192.0.2.1",), "192.0.2.1"), (("192.0.2.",), None)):
        hook = make_hook("acme", "t", address_list=written)
        assert with_hook(hook).find_address_rule(hook, address) == rule
    assert Directory().find_address_rule(make_hook("acme", "t"), address) is None


async def test_a_reload_replaces_the_whole_picture() -> None:
    pictures = [Directory(users=[make_user("acme")]), Directory(users=[make_user("other")])]

    async def load() -> Directory:
        await asyncio.sleep(0)
        return pictures.pop(0)

    live = LiveDirectory(load)
    assert live.find_user("acme-ann") is None
    await asyncio.gather(live.reload(), live.reload())
    assert live.find_user("acme-ann") is None
    assert live.find_user("other-ann") is not None


def test_the_days_of_a_tenant_begin_where_its_first_owner_lives() -> None:
    first = msgspec.structs.replace(make_user("one"), time_zone="Africa/Cairo")
    later = msgspec.structs.replace(first, user_id="later", time_zone="Asia/Tokyo", created_ms=5)
    member = msgspec.structs.replace(first, user_id="viewer", time_zone="Asia/Kolkata", role=Role.VIEWER, created_ms=-1)
    directory = Directory(users=[later, member, first])

    assert directory.time_zone_of("one") == "Africa/Cairo"
    assert directory.time_zone_of("nobody") == "UTC"
