"""Policies: what an owner wants to happen, and does not want to happen, before risk is asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from fairlead.accounts.policies import PolicyError, closed_policy, find_loosening, read_policy
from fairlead.accounts.registry.naming import Refused, check_name, unknown
from fairlead.core.model.policy import Policy, PolicyMode
from fairlead.ports import Clock
from fairlead.store.queries import accounts as account_rows
from fairlead.store.queries import hooks as hook_rows
from fairlead.store.queries import policies as rows
from fairlead.store.queries.policies import PolicyText
from fairlead.store.session import Session, Store

POLICIES_MAX: Final = 20
_CONFIRM: Final = "repeat with --confirm-loosening if that is meant"


class StoredPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy and the text that it was read from; ``policy`` is closed to everything if the text is of no use now."""

    text: PolicyText
    policy: Policy


class PolicyRegistry:
    """Adds, finds and changes policies. Tightening is done at once; loosening must be confirmed."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Work on one database."""
        self._store = store
        self._clock = clock

    async def add(self, tenant: str, name: str, text: str) -> StoredPolicy | Refused:
        """Add a policy under a new name."""
        async with self._store.session(tenant, writes=True) as session:
            known = await rows.list_policy_texts(session)
            before = next((one for one in known if one.name == name), None)
            refused = check_name("policy name", name)
            if refused is not None:
                return refused
            if before is not None and before.text:
                return Refused(message=f"there is a policy {name!r} already; change it with fairlead policy set")
            if sum(bool(one.text) for one in known) >= POLICIES_MAX:
                return Refused(
                    message=f"there are {POLICIES_MAX} policies already, which is the most; remove one first"
                )
            return await self._write(session, name, 1 if before is None else before.version + 1, text)

    async def set_text(
        self,
        tenant: str,
        name: str,
        text: str,
        *,
        may_loosen: bool = False,
    ) -> StoredPolicy | Refused:
        """Make a new version of a policy."""
        async with self._store.session(tenant, writes=True) as session:
            old = await _find(session, name)
            if isinstance(old, Refused):
                return old
            new = _read(name, old.text.version + 1, text)
            if isinstance(new, Refused):
                return new
            loosening = [] if may_loosen else find_loosening(old.policy, new)
            if loosening:
                return Refused(message=f"this would loosen {name}: {'; '.join(loosening)}; {_CONFIRM}")
            return await self._write(session, name, old.text.version + 1, text)

    async def remove(self, tenant: str, name: str, *, may_loosen: bool = False) -> StoredPolicy | Refused:
        """Let a policy count no more; its versions stay readable."""
        async with self._store.session(tenant, writes=True) as session:
            old = await _find(session, name)
            if isinstance(old, Refused):
                return old
            if old.policy.mode is PolicyMode.ENFORCE and not may_loosen:
                return Refused(message=f"removing {name} lets more pass; {_CONFIRM}")
            gone = msgspec.structs.replace(
                old.text, version=old.text.version + 1, text="", created_ms=self._clock.now_ms()
            )
            await rows.add_policy_text(session, gone)
            return old

    async def list_all(self, tenant: str | None = None) -> Sequence[StoredPolicy]:
        """All policies of a tenant, or of everybody."""
        async with self._store.system_session() as session:
            found = await rows.list_all_policy_texts(session)
        return [_stored(one) for one in found if tenant in {None, one.tenant}]

    async def find(self, tenant: str, name: str) -> StoredPolicy | Refused:
        """One policy by its name."""
        async with self._store.session(tenant) as session:
            return await _find(session, name)

    async def _write(self, session: Session, name: str, version: int, text: str) -> StoredPolicy | Refused:
        policy = _read(name, version, text)
        if isinstance(policy, Refused):
            return policy
        refused = await _check_targets(session, policy)
        if refused is not None:
            return refused
        kept = PolicyText(tenant=session.tenant, name=name, version=version, text=text, created_ms=self._clock.now_ms())
        await rows.add_policy_text(session, kept)
        return StoredPolicy(text=kept, policy=policy)


def read_stored(text: PolicyText) -> Policy:
    """Read a stored policy; one that cannot be read any more lets nothing pass that may add risk."""
    try:
        return read_policy(text.name, text.version, text.text)
    except PolicyError:
        return closed_policy(text.name, text.version)


def _stored(text: PolicyText) -> StoredPolicy:
    return StoredPolicy(text=text, policy=read_stored(text))


def _read(name: str, version: int, text: str) -> Policy | Refused:
    try:
        return read_policy(name, version, text)
    except PolicyError as error:
        return Refused(message=str(error))


async def _find(session: Session, name: str) -> StoredPolicy | Refused:
    known = [one for one in await rows.list_policy_texts(session) if one.text]
    found = next((one for one in known if one.name == name), None)
    return unknown("policy", name, [one.name for one in known]) if found is None else _stored(found)


async def _check_targets(session: Session, policy: Policy) -> Refused | None:
    """A name that nobody bears would make a policy that silently covers nothing."""
    accounts = await account_rows.list_accounts(session)
    hooks = await hook_rows.list_hooks(session)
    for what, wanted, known in (
        ("account", policy.accounts, [name for one in accounts for name in (one.label, one.account_id)]),
        ("hook", policy.sources, [name for one in hooks for name in (one.name, one.hook_id)]),
    ):
        missing = next(iter(sorted(wanted - set(known))), None)
        if missing is not None:
            return unknown(what, missing, known)
    return None
