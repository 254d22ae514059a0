"""Hooks: addresses that take alerts, each with its own token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from fairlead.accounts.addresses import AddressListError, check_address_list
from fairlead.accounts.registry.accounts import check_profile
from fairlead.accounts.registry.groups import DEFAULT_GROUP
from fairlead.accounts.registry.naming import Refused, check_name, unknown
from fairlead.accounts.tokens import DrawnToken, draw_token
from fairlead.core.model.ids import derive_id
from fairlead.ports import Clock
from fairlead.store.queries import accounts as account_rows
from fairlead.store.queries import groups as group_rows
from fairlead.store.queries import hooks as rows
from fairlead.store.queries import users as user_rows
from fairlead.store.queries.hook_calls import RefusedCall, list_refused_calls
from fairlead.store.queries.hooks import Hook, ResponseMode
from fairlead.store.queries.users import User
from fairlead.store.session import Session, Store

MS_PER_SECOND: Final = 1_000
ROTATION_OVERLAP_MS: Final = 24 * 3600 * MS_PER_SECOND


class HookWish(msgspec.Struct, frozen=True, kw_only=True):
    """A hook to add; an empty owner means the tenant's first owner, and ``None`` leaves a limit to its default."""

    name: str
    owner: str = ""
    target: str = DEFAULT_GROUP
    response_mode: ResponseMode = ResponseMode.ACK
    risk_profile: str = "alert"
    allow: tuple[str, ...] = ()
    rate_per_minute: int | None = None
    stale_after_s: int | None = None
    strict_fields: bool = False
    strict_status: bool = False
    cap_to_available: bool = False


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """A hook and its new token, which nobody can read again; ``previous_until_ms`` is how long the old one is taken."""

    hook: Hook
    token: str
    previous_until_ms: int | None = None


class HookRegistry:
    """Adds, finds and changes hooks."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Work on one database."""
        self._store = store
        self._clock = clock

    async def add(self, tenant: str, wish: HookWish) -> NewToken | Refused:
        """Add a hook and draw its token."""
        async with self._store.session(tenant, writes=True) as session:
            refused = check_name("hook name", wish.name) or await _check_wish(session, wish)
            owner = await _find_owner(session, wish.owner)
            addresses = _read_addresses(wish.allow)
            if refused is not None:
                return refused
            if isinstance(owner, Refused):
                return owner
            if isinstance(addresses, Refused):
                return addresses
            token = draw_token()
            hook = msgspec.structs.replace(
                _new_hook(owner, wish, token, self._clock.now_ms()),
                address_list=addresses,
            )
            await rows.add_hook(session, hook)
            return NewToken(hook=hook, token=token.text)

    async def list_all(self, tenant: str | None = None) -> Sequence[Hook]:
        """All hooks of a tenant, or of everybody."""
        async with self._store.system_session() as session:
            found = await rows.list_all_hooks(session)
        return [hook for hook in found if tenant in {None, hook.tenant}]

    async def find(self, tenant: str, name: str) -> Hook | Refused:
        """One hook by name or id."""
        async with self._store.session(tenant) as session:
            return await _find(session, name)

    async def list_refused(self, hook: Hook) -> Sequence[RefusedCall]:
        """The last calls that were refused, newest first."""
        async with self._store.session(hook.tenant) as session:
            return await list_refused_calls(session, hook.hook_id)

    async def rotate(self, tenant: str, name: str, *, overlap_ms: int = ROTATION_OVERLAP_MS) -> NewToken | Refused:
        """Draw another token; the old one is taken until the overlap ends."""
        async with self._store.session(tenant, writes=True) as session:
            hook = await _find(session, name)
            if isinstance(hook, Refused):
                return hook
            token = draw_token()
            until_ms = self._clock.now_ms() + overlap_ms
            changed = msgspec.structs.replace(
                hook,
                token_hash=token.digest,
                token_hint=token.hint,
                previous_token_hash=hook.token_hash,
                previous_until_ms=until_ms,
                enabled=True,
            )
            await rows.save_hook(session, changed)
            return NewToken(hook=changed, token=token.text, previous_until_ms=until_ms)

    async def revoke(self, tenant: str, name: str) -> Hook | Refused:
        """Take no alert from a hook any more; what it did stays explained, and a rotation brings it back."""
        async with self._store.session(tenant, writes=True) as session:
            hook = await _find(session, name)
            if isinstance(hook, Refused):
                return hook
            changed = msgspec.structs.replace(hook, enabled=False, previous_token_hash=None, previous_until_ms=None)
            await rows.save_hook(session, changed)
            return changed


def _new_hook(owner: User, wish: HookWish, token: DrawnToken, now_ms: int) -> Hook:
    hook = Hook(
        hook_id=derive_id(now_ms, "hook", owner.tenant, wish.name),
        tenant=owner.tenant,
        owner=owner.user_id,
        name=wish.name,
        token_hash=token.digest,
        token_hint=token.hint,
        target=wish.target,
        risk_profile=wish.risk_profile,
        created_ms=now_ms,
        response_mode=wish.response_mode,
        strict_fields=wish.strict_fields,
        strict_status=wish.strict_status,
        cap_to_available=wish.cap_to_available,
    )
    if wish.rate_per_minute is not None:
        hook = msgspec.structs.replace(hook, rate_per_minute=wish.rate_per_minute)
    if wish.stale_after_s is not None:
        hook = msgspec.structs.replace(hook, stale_after_ms=wish.stale_after_s * MS_PER_SECOND)
    return hook


def _read_addresses(entries: Sequence[str]) -> tuple[str, ...] | Refused:
    try:
        return check_address_list(entries)
    except AddressListError as error:
        return Refused(message=f"{error}; write for example tradingview, 192.0.2.7 or 192.0.2.0/24")


async def _check_wish(session: Session, wish: HookWish) -> Refused | None:
    hooks = await rows.list_hooks(session)
    if wish.name in {hook.name for hook in hooks}:
        return Refused(message=f"there is a hook {wish.name!r} already; rotate its token, or choose another name")
    targets = {group.name for group in await group_rows.list_groups(session)}
    for account in await account_rows.list_accounts(session):
        targets |= {account.label, account.account_id}
    if wish.target not in targets:
        return unknown("group or account", wish.target, targets)
    profile = await check_profile(session, wish.risk_profile)
    return profile if isinstance(profile, Refused) else None


async def _find_owner(session: Session, username: str) -> User | Refused:
    people = await user_rows.list_users(session)
    if username:
        found = next((user for user in people if user.username == username), None)
        return found or unknown("user", username, [user.username for user in people])
    return min(people, key=lambda user: (user.role is not user_rows.Role.OWNER, user.created_ms))


async def _find(session: Session, name: str) -> Hook | Refused:
    hooks = await rows.list_hooks(session)
    found = next((hook for hook in hooks if name in {hook.name, hook.hook_id}), None)
    return found or unknown("hook", name, [hook.name for hook in hooks])
