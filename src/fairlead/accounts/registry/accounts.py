"""Venue accounts: where orders go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit

import msgspec

from fairlead.accounts.profiles import built_in_profiles, default_profile
from fairlead.accounts.registry.groups import DEFAULT_GROUP, find_group, pick_accounts
from fairlead.accounts.registry.naming import Refused, check_name, unknown
from fairlead.core.model.account import Balance, ExecutionMode, Position, PositionMode, VenueAccount
from fairlead.core.model.ids import derive_id
from fairlead.core.rules.modes import RISK
from fairlead.ports import Clock
from fairlead.store.queries import accounts as rows
from fairlead.store.queries import groups as group_rows
from fairlead.store.queries.links import VenueLink, add_link, find_link
from fairlead.store.queries.profiles import list_newest_profiles
from fairlead.store.queries.states import load_balances, load_positions
from fairlead.store.session import Session, Store

# What an account of this kind does with orders; a kind is added together with its adapter.
KINDS: Final[Mapping[str, ExecutionMode]] = {
    "ccxt": ExecutionMode.DEMO,
    "okx": ExecutionMode.DEMO,
    "paper": ExecutionMode.PAPER,
}
# Kinds whose venue is somewhere else: an account of one is live or demo, and may have addresses.
LINKED_KINDS: Final = frozenset({"ccxt", "okx"})
# The library knows where its exchanges are, and which there are.
LIBRARY_KIND: Final = "ccxt"
EXCHANGE_LENGTH_MAX: Final = 32
LINKED_MODES: Final = (ExecutionMode.DEMO, ExecutionMode.LIVE)
EXCHANGES: Final = frozenset({"okx"})


class UnknownKindError(RuntimeError):
    """An account is to take orders, and nobody here knows how its kind does that."""


class AccountWish(msgspec.Struct, frozen=True, kw_only=True):
    """An account to add; an empty profile means the one for its mode.

    ``mode`` is for kinds that can be live or demo; ``rest_url`` and ``socket_url`` say where the venue of such one is.
    """

    label: str
    exchange: str = "okx"
    kind: str = "paper"
    position_mode: PositionMode = PositionMode.NET
    risk_profile: str = ""
    opening_balances: dict[str, Decimal] = {}
    group: str = DEFAULT_GROUP
    mode: ExecutionMode | None = None
    rest_url: str = ""
    socket_url: str = ""


class Holdings(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has, as of its last fact."""

    balances: tuple[Balance, ...]
    positions: tuple[Position, ...]


class AccountRegistry:
    """Adds, finds and changes venue accounts."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Work on one database."""
        self._store = store
        self._clock = clock

    async def add(self, tenant: str, wish: AccountWish) -> VenueAccount | Refused:
        """Add an account and put it into a group."""
        async with self._store.session(tenant, writes=True) as session:
            refused = (
                check_name("account label", wish.label) or _check_kind(wish) or await _check_free(session, wish.label)
            )
            group = await find_group(session, wish.group)
            mode = wish.mode or KINDS.get(wish.kind, _PAPER)
            profile = await check_profile(session, wish.risk_profile or default_profile(mode))
            if refused is not None:
                return refused
            if isinstance(group, Refused):
                return group
            if isinstance(profile, Refused):
                return profile
            now_ms = self._clock.now_ms()
            account = VenueAccount(
                account_id=derive_id(now_ms, "account", tenant, wish.label),
                tenant=tenant,
                label=wish.label,
                exchange=wish.exchange.lower(),
                kind=wish.kind,
                mode=mode,
                position_mode=wish.position_mode,
                risk_profile=profile,
                opening_balances=wish.opening_balances,
            )
            await rows.add_account(session, account, created_ms=now_ms)
            if account.kind in LINKED_KINDS:
                await add_link(session, _link(account, wish))
            await group_rows.set_members(session, group.group_id, (*group.account_ids, account.account_id))
            return account

    async def list_all(self, tenant: str | None = None) -> Sequence[VenueAccount]:
        """All accounts of a tenant, or of everybody."""
        async with self._store.system_session() as session:
            found = await rows.list_all_accounts(session)
        return [account for account in found if tenant in {None, account.tenant}]

    async def find(self, tenant: str, name: str) -> VenueAccount | Refused:
        """One account by label or id."""
        async with self._store.session(tenant) as session:
            return await find_account(session, name)

    async def set_enabled(self, tenant: str, name: str, *, enabled: bool) -> VenueAccount | Refused:
        """Let an account take orders, or keep it out of every alert."""
        async with self._store.session(tenant, writes=True) as session:
            account = await find_account(session, name)
            if isinstance(account, Refused):
                return account
            changed = msgspec.structs.replace(account, enabled=enabled)
            refused = _check_known([changed])
            if refused is not None:
                return refused
            await rows.save_account(session, changed)
            return changed

    async def set_mode(self, tenant: str, name: str, mode: ExecutionMode) -> VenueAccount | Refused:
        """Lower the mode of an account at once, or take it back up to what its kind does with pretend money."""
        async with self._store.session(tenant, writes=True) as session:
            account = await find_account(session, name)
            if isinstance(account, Refused):
                return account
            link = await find_link(session, account.account_id)
            of_kind = KINDS.get(account.kind, ExecutionMode.LIVE) if link is None else link.environment
            if mode not in {of_kind, account.mode, ExecutionMode.DRY_RUN}:
                return Refused(message=f"{account.label} is of kind {account.kind}, which is {of_kind} or dry_run")
            if RISK[mode] > RISK[account.mode] and mode is ExecutionMode.LIVE:
                return Refused(message=f"{account.label} goes up to {mode} by promotion only")
            changed = msgspec.structs.replace(account, mode=mode)
            await rows.save_account(session, changed)
            return changed

    async def read_holdings(self, tenant: str, name: str) -> Holdings | Refused:
        """What an account has, as of its last fact."""
        async with self._store.session(tenant) as session:
            account = await find_account(session, name)
            if isinstance(account, Refused):
                return account
            return Holdings(
                balances=tuple(await load_balances(session, account.account_id)),
                positions=tuple(await load_positions(session, account.account_id)),
            )


_PAPER: Final = ExecutionMode.PAPER


async def check_kinds(store: Store) -> None:
    """Make sure that every account that may take orders is of a kind that is known here.

    Raises:
        UnknownKindError: one is not; the text names it and says what to do.
    """
    async with store.system_session() as session:
        refused = _check_known(await rows.list_all_accounts(session))
    if refused is not None:
        raise UnknownKindError(refused.message)


async def check_profile(session: Session, name: str) -> str | Refused:
    """The name of a profile that exists."""
    names = set(built_in_profiles()) | {profile.name for profile in await list_newest_profiles(session)}
    # The ceilings of the installation apply to everybody anyway.
    names = {one for one in names if not one.startswith("platform")}
    return name if name in names else unknown("risk profile", name, names)


async def find_account(session: Session, name: str) -> VenueAccount | Refused:
    """One account of the tenant by label or id."""
    picked = pick_accounts([name], await rows.list_accounts(session))
    return picked if isinstance(picked, Refused) else picked[0]


# A newer version may have added it, or somebody who wrote into the database by hand.
def _check_known(accounts: Iterable[VenueAccount]) -> Refused | None:
    strange = next((account for account in accounts if account.enabled and account.kind not in KINDS), None)
    if strange is None:
        return None
    said = f"account {strange.label!r} is of kind {strange.kind!r}, and this version knows {', '.join(KINDS)} only"
    advice = f"keep it out of every alert with fairlead account disable {strange.label}"
    return Refused(message=f"{said}: install the version that added it, or {advice}")


def _check_kind(wish: AccountWish) -> Refused | None:
    if wish.kind not in KINDS:
        return unknown("kind of account", wish.kind, KINDS)
    refused = _check_exchange(wish)
    if refused is not None:
        return refused
    if wish.kind not in LINKED_KINDS:
        is_given = wish.mode not in {None, KINDS[wish.kind]} or wish.rest_url or wish.socket_url
        return Refused(message=f"kind {wish.kind} has one mode and no addresses") if is_given else None
    if wish.mode not in {None, *LINKED_MODES}:
        return Refused(message=f"an account of kind {wish.kind} is added as {' or '.join(LINKED_MODES)}")
    if wish.opening_balances:
        return Refused(message=f"an account of kind {wish.kind} has the cash that its venue says; give no balance")
    return _check_addresses(wish)


def _check_exchange(wish: AccountWish) -> Refused | None:
    if wish.kind != LIBRARY_KIND:
        known = wish.exchange.lower() in EXCHANGES
        return None if known else unknown("exchange", wish.exchange, EXCHANGES)
    is_name = wish.exchange.isascii() and wish.exchange.isalnum() and len(wish.exchange) <= EXCHANGE_LENGTH_MAX
    return None if is_name else Refused(message=f"{wish.exchange!r} is no exchange that ccxt knows")


def _check_addresses(wish: AccountWish) -> Refused | None:
    if wish.kind == LIBRARY_KIND and not wish.rest_url and not wish.socket_url:
        return None
    for url, schemes in ((wish.rest_url, {"http", "https"}), (wish.socket_url, {"ws", "wss"})):
        parts = urlsplit(url)
        if parts.scheme not in schemes or not parts.hostname:
            return Refused(message=f"{url!r} is no address: write it with {' or '.join(sorted(schemes))}://")
        # Signatures last for 30 seconds and passphrases for ever: they travel in clear on this machine only.
        if parts.scheme in {"http", "ws"} and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
            return Refused(message=f"keys would travel in clear to {parts.hostname}: use https and wss")
    return None


def _link(account: VenueAccount, wish: AccountWish) -> VenueLink:
    return VenueLink(
        account_id=account.account_id,
        tenant=account.tenant,
        environment=account.mode,
        rest_url=wish.rest_url.rstrip("/"),
        socket_url=wish.socket_url.rstrip("/"),
    )


async def _check_free(session: Session, label: str) -> Refused | None:
    if await rows.find_account_by_label(session, label) is not None:
        return Refused(message=f"there is an account {label!r} already; choose another label")
    if label in {group.name for group in await group_rows.list_groups(session)}:
        return Refused(message=f"{label!r} is the name of a group, and an alert could not tell them apart")
    return None
