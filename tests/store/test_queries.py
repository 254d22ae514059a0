"""What people configure is read back as it was written, by its tenant only."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from fairlead.core.model.account import ExecutionMode, FeeRates, PositionMode, VenueAccount
from fairlead.core.model.drift import DriftCause, DriftDecision, DriftWay
from fairlead.core.model.risk import RiskLimits, RiskProfile
from fairlead.store.queries import (
    accounts,
    dead_man,
    drifts,
    groups,
    hook_calls,
    hooks,
    links,
    policies,
    profiles,
    users,
)
from fairlead.store.session import Store
from tests.servers.clean import on_every_database
from tests.store.samples import TENANT

OTHER = "other"

USER = users.User(
    user_id="u1",
    tenant=TENANT,
    username="ada",
    password_hash="$argon2id$",
    role=users.Role.OWNER,
    time_zone="Europe/Berlin",
    enabled=True,
    created_ms=1,
)
ACCOUNT = VenueAccount(
    account_id="acc-1",
    tenant=TENANT,
    label="main",
    exchange="okx",
    kind="paper",
    mode=ExecutionMode.PAPER,
    position_mode=PositionMode.NET,
    risk_profile="standard",
    fee_rates=FeeRates(spot_taker=Decimal("0.00075")),
    opening_balances={"USDT": Decimal("10000.10"), "BTC": Decimal("0.5")},
)
HOOK = hooks.Hook(
    hook_id="h1",
    tenant=TENANT,
    owner="u1",
    name="tv",
    token_hash=b"\x01" * 32,
    token_hint="ab…yz",
    target="main",
    risk_profile="standard",
    created_ms=1,
    address_list=("10.0.0.0/8",),
)


@on_every_database
async def test_users_are_read_back(store: Store) -> None:
    async with store.session(TENANT, writes=True) as session:
        await users.add_user(session, USER)
        assert await users.find_user(session, "u1") == USER
        assert await users.set_password(session, "u1", "new")
        assert await users.set_role(session, "u1", users.Role.VIEWER)
        assert await users.set_user_enabled(session, "u1", enabled=False)
        assert not await users.set_password(session, "nobody", "new")
        changed = msgspec.structs.replace(USER, password_hash="new", role=users.Role.VIEWER, enabled=False)
        assert await users.list_users(session) == [changed]
    async with store.system_session() as system:
        assert await users.find_sign_in(system, "ada") == changed
        assert await users.find_sign_in(system, "eve") is None
        assert await users.list_all_users(system) == [changed]
    async with store.session(OTHER, writes=True) as session:
        assert await users.find_user(session, "u1") is None
        assert not await users.set_password(session, "u1", "stolen")
        with pytest.raises(IntegrityError):
            await users.add_user(session, msgspec.structs.replace(USER, user_id="u2", tenant=OTHER))


@on_every_database
async def test_accounts_are_read_back(store: Store) -> None:
    async with store.session(TENANT, writes=True) as session:
        await accounts.add_account(session, ACCOUNT, created_ms=1)
        assert await accounts.find_account(session, "acc-1") == ACCOUNT
        assert await accounts.find_account_by_label(session, "main") == ACCOUNT
        disabled = msgspec.structs.replace(ACCOUNT, enabled=False, label="old")
        assert await accounts.save_account(session, disabled)
        assert await accounts.list_accounts(session) == [disabled]
        assert not await accounts.save_account(session, msgspec.structs.replace(ACCOUNT, account_id="none"))
    async with store.session(OTHER, writes=True) as session:
        assert await accounts.find_account(session, "acc-1") is None
        assert not await accounts.remove_account(session, "acc-1")
        # Another tenant may use the same label.
        theirs = msgspec.structs.replace(ACCOUNT, account_id="acc-2", tenant=OTHER, label="old")
        await accounts.add_account(session, theirs, created_ms=1)
    async with store.system_session() as system:
        assert await accounts.list_all_accounts(system) == [disabled, theirs]


@on_every_database
async def test_a_label_is_unique_in_its_tenant(store: Store) -> None:
    async with store.session(TENANT, writes=True) as session:
        await accounts.add_account(session, ACCOUNT, created_ms=1)
        with pytest.raises(IntegrityError):
            await accounts.add_account(session, msgspec.structs.replace(ACCOUNT, account_id="x"), created_ms=1)


@on_every_database
async def test_groups_hold_accounts_of_their_own_tenant_only(store: Store) -> None:
    theirs = msgspec.structs.replace(ACCOUNT, account_id="acc-2", tenant=OTHER)
    group = groups.Group(group_id="g1", tenant=TENANT, name="all", created_ms=1, account_ids=("acc-1",))
    async with store.session(OTHER, writes=True) as session:
        await accounts.add_account(session, theirs, created_ms=1)
    async with store.session(TENANT, writes=True) as session:
        await accounts.add_account(session, ACCOUNT, created_ms=1)
        await groups.add_group(session, group)
        assert await groups.list_groups(session) == [group]
        with pytest.raises(groups.UnknownAccountError, match="acc-2"):
            await groups.set_members(session, "g1", ["acc-1", "acc-2"])
        assert not await groups.set_members(session, "none", [])
        assert await groups.set_members(session, "g1", ["acc-1", "acc-1"])
    async with store.system_session() as system:
        assert await groups.list_all_groups(system) == [group]
    async with store.session(TENANT, writes=True) as session:
        assert await accounts.remove_account(session, "acc-1")
        assert await groups.list_groups(session) == [msgspec.structs.replace(group, account_ids=())]
        assert await groups.remove_group(session, "g1")
        assert await groups.list_groups(session) == []


@on_every_database
async def test_hooks_are_found_by_their_token(store: Store) -> None:
    async with store.session(TENANT, writes=True) as session:
        await users.add_user(session, USER)
        await hooks.add_hook(session, HOOK)
        assert await hooks.find_hook(session, "h1") == HOOK
        waiting = msgspec.structs.replace(HOOK, response_mode=hooks.ResponseMode.WAIT, expires_ms=9, address_list=())
        assert await hooks.save_hook(session, waiting)
        assert await hooks.list_hooks(session) == [waiting]
    async with store.session(OTHER, writes=True) as session:
        assert await hooks.list_hooks(session) == []
        assert not await hooks.remove_hook(session, "h1")
    async with store.system_session() as system:
        assert await hooks.find_hook_by_token(system, HOOK.token_hash, now_ms=5) == waiting
        assert await hooks.find_hook_by_token(system, b"\x02" * 32, now_ms=5) is None
        assert await hooks.list_all_hooks(system) == [waiting]


@on_every_database
async def test_a_rotated_token_is_taken_for_a_time(store: Store) -> None:
    new = b"\x02" * 32
    async with store.session(TENANT, writes=True) as session:
        await users.add_user(session, USER)
        await hooks.add_hook(session, HOOK)
        assert await hooks.rotate_token(session, "h1", token_hash=new, token_hint="new", previous_until_ms=100)
    async with store.system_session() as system:
        found = await hooks.find_hook_by_token(system, new, now_ms=99)
        assert found is not None
        assert found.token_hint == "new"
        assert await hooks.find_hook_by_token(system, HOOK.token_hash, now_ms=99) == found
        assert await hooks.find_hook_by_token(system, HOOK.token_hash, now_ms=100) is None


@on_every_database
async def test_only_the_newest_refused_calls_of_a_hook_are_kept(store: Store) -> None:
    calls = [
        hook_calls.RefusedCall(
            call_id=f"c{number:03}",
            tenant=TENANT,
            hook_id="h1",
            received_ms=number,
            source_address="127.0.0.1",
            status_code=400,
            error="wrong or missing: qty",
            details=("qty: is required",),
        )
        for number in range(30)
    ]
    async with store.session(TENANT, writes=True) as session:
        await users.add_user(session, USER)
        await hooks.add_hook(session, HOOK)
        await hook_calls.keep_refused_calls(session, calls[:25])
        await hook_calls.keep_refused_calls(session, calls[25:])
        assert await hook_calls.list_refused_calls(session, "h1") == calls[:9:-1]
        assert await hook_calls.find_refused_call(session, "c029") == calls[29]
        assert await hook_calls.find_refused_call(session, "c001") is None
    async with store.session(OTHER) as session:
        assert await hook_calls.find_refused_call(session, "c029") is None
    async with store.session(TENANT, writes=True) as session:
        assert await hooks.remove_hook(session, "h1")
        assert await hook_calls.list_refused_calls(session, "h1") == []


@on_every_database
async def test_versions_of_a_profile_are_kept(store: Store) -> None:
    limits = RiskLimits(leverage_max=Decimal(3))
    first = RiskProfile(name="standard", version=1, description="", limits=limits)
    second = msgspec.structs.replace(first, version=2)
    async with store.system_session(writes=True) as system:
        for profile in (first, second, msgspec.structs.replace(first, name="calm")):
            await profiles.add_profile(system, profile, created_ms=1)
    async with store.session(TENANT) as session:
        assert await profiles.find_profile(session, "standard") == second
        assert await profiles.find_profile(session, "standard", 1) == first
        assert await profiles.find_profile(session, "none") is None
        newest = await profiles.list_newest_profiles(session)
        assert [(profile.name, profile.version) for profile in newest] == [("calm", 1), ("standard", 2)]


@on_every_database
async def test_the_newest_version_of_each_policy_counts(store: Store) -> None:
    first = policies.PolicyText(tenant=TENANT, name="calm", version=1, text="allow = 'ё'", created_ms=1)
    second = msgspec.structs.replace(first, version=2, text="deny")
    removed = msgspec.structs.replace(first, name="old", text="")
    async with store.session(TENANT, writes=True) as session:
        for policy in (removed, second, first):
            await policies.add_policy_text(session, policy)
        assert await policies.list_policy_texts(session) == [second, removed]
    async with store.session(OTHER, writes=True) as session:
        theirs = msgspec.structs.replace(first, tenant=OTHER)
        await policies.add_policy_text(session, theirs)
        assert await policies.list_policy_texts(session) == [theirs]
    async with store.session(OTHER, writes=True) as session:
        with pytest.raises(IntegrityError):
            await policies.add_policy_text(session, theirs)
    async with store.system_session() as system:
        assert await policies.list_all_policy_texts(system) == [second, theirs]


@on_every_database
async def test_decisions_about_drifts_are_read_back_until_they_were_tried(store: Store) -> None:
    decision = DriftDecision(
        drift_id="d1",
        tenant=TENANT,
        account_id="acc-1",
        way=DriftWay.ADOPT,
        decided_by="ada",
        reason="moved by hand",
        created_ms=5,
    )
    later = msgspec.structs.replace(decision, way=DriftWay.CLOSE, created_ms=6)
    async with store.session(TENANT, writes=True) as session:
        await accounts.add_account(session, ACCOUNT, created_ms=1)
        await drifts.save_decision(session, decision)
        await drifts.save_decision(session, later)
        assert await drifts.find_decision(session, "d1") == later
    async with store.system_session(writes=True) as system:
        assert await drifts.list_open_decisions(system) == [later]
        # Somebody decided anew while it was tried.
        await drifts.save_outcome(system, decision, "done")
        assert await drifts.list_open_decisions(system) == [later]
        await drifts.save_outcome(system, later, "done")
        assert await drifts.list_open_decisions(system) == []
    async with store.session(OTHER) as session:
        assert await drifts.find_decision(session, "d1") is None


@on_every_database
async def test_policies_of_drifts_and_addresses_of_venues_go_with_their_account(store: Store) -> None:
    link = links.VenueLink(
        account_id="acc-1",
        tenant=TENANT,
        environment=ExecutionMode.DEMO,
        rest_url="https://rest.example",
        socket_url="wss://socket.example/ws/v5",
    )
    async with store.session(TENANT, writes=True) as session:
        await accounts.add_account(session, ACCOUNT, created_ms=1)
        await links.add_link(session, link)
        await drifts.save_policy(session, "acc-1", [DriftCause.FUNDING, DriftCause.MANUAL_BALANCE])
        assert await links.find_link(session, "acc-1") == link
        assert await drifts.find_policy(session, "acc-1") == {DriftCause.FUNDING, DriftCause.MANUAL_BALANCE}
        await drifts.save_policy(session, "acc-1", [DriftCause.FUNDING])
        for timeout_s in (30, 0):
            await dead_man.save_timeout(session, "acc-1", timeout_s)
            assert await dead_man.find_timeout(session, "acc-1") == timeout_s
    async with store.system_session() as system:
        assert await links.list_all_links(system) == {"acc-1": link}
        assert await drifts.list_all_policies(system) == {"acc-1": {DriftCause.FUNDING}}
        assert await dead_man.list_all_timeouts(system) == {"acc-1": 0}
    async with store.session(TENANT, writes=True) as session:
        await drifts.save_policy(session, "acc-1", [])
        assert await drifts.find_policy(session, "acc-1") == frozenset()
        await accounts.remove_account(session, "acc-1")
        assert await links.find_link(session, "acc-1") is None
        assert await dead_man.find_timeout(session, "acc-1") is None
