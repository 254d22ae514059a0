"""Keeps alerts: the body is stored durably before anybody is answered, and of equal alerts only the first is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, assert_never

import msgspec
import structlog

from fairlead.core.model.events import AlertDuplicated, AlertReceived
from fairlead.core.model.state import AlertState
from fairlead.core.rules.alert_state import receive
from fairlead.ports import AppendOutcome, Committed, DuplicateKey, Fact, Journal, NotStored, Unit
from fairlead.sources.webhook.duplicates import (
    CONTENT_WINDOW_MS,
    Claim,
    Claims,
    DuplicateName,
    name_duplicates,
    name_of_key,
)
from fairlead.sources.webhook.prepare import PreparedAlert
from fairlead.sources.webhook.redact import blank_token
from fairlead.sources.webhook.seams import AlertReader, UnreadableError
from fairlead.store.queries.hooks import Hook


@dataclass(kw_only=True, slots=True)
class AlertCall:
    """One call that named a hook and proved it; ``call_id`` becomes the alert's id.

    ``stored_as`` is filled as soon as the alert, or an equal one before it, is durable: from then on the sender must
    not be asked to try again, whatever breaks.
    """

    call_id: str
    token: str
    body: bytes
    content_type: str
    source_address: str
    received_ms: int
    stored_as: str = ""


class KeptAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that is stored and not yet handled."""

    state: AlertState
    prepared: PreparedAlert


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The alert is durable and will be handled, whatever happens to the caller."""

    kept: KeptAlert


class Duplicate(msgspec.Struct, frozen=True, kw_only=True):
    """An equal alert came first; ``explicit`` when the sender's own key says so."""

    first_id: str
    explicit: bool


class NotKept(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was stored and nothing is remembered, so the sender should try again."""

    reason: str


# The journal knows an equal alert, though its row cannot be found.
UNKNOWN_FIRST: Final = "unknown"

_log = structlog.get_logger("fairlead.webhook")

KeepOutcome = Kept | Duplicate | NotKept
OnKept = Callable[[KeptAlert], None]


def hook_stream(hook_id: str) -> str:
    """Name of the stream of one hook."""
    return f"hook:{hook_id}"


class AlertInbox:
    """The only one who stores alerts. Make it on the event loop that will use it."""

    def __init__(self, *, journal: Journal, reader: AlertReader, on_kept: OnKept) -> None:
        """``on_kept`` hears of every stored alert in the order of the journal, even when its caller has gone."""
        self._journal = journal
        self._reader = reader
        self._on_kept = on_kept
        self._claims = Claims(asyncio.get_running_loop())
        self._storing = 0

    @property
    def storing(self) -> int:
        """Requests that alerts will make which the journal has and has not yet answered for."""
        return self._storing

    async def load(self, now_ms: int) -> None:
        """Remember the alerts of the last window, so that a restart forgets no duplicate."""
        for state in await self._reader.read_recent(now_ms - CONTENT_WINDOW_MS):
            self._claims.remember(name_of_key(state.duplicate_key), state.alert_id, state.received_ms)

    async def keep_alert(self, call: AlertCall, prepared: PreparedAlert) -> KeepOutcome:
        """Store an alert, unless an equal one came first."""
        hook = prepared.hook
        name = name_duplicates(
            prepared.alert,
            hook_id=hook.hook_id,
            symbol=prepared.instrument.symbol,
            received_ms=call.received_ms,
        )
        claim = self._claims.find(name.name, call.received_ms)
        kept: KeptAlert | None = None
        if claim is None:
            event = _receive(call, hook.hook_id, name)
            kept = KeptAlert(state=receive(event, hook.tenant), prepared=prepared)
            claim = self._claim(name, event, kept)
        # The callback settles everything, so a caller that goes away takes nothing with it.
        outcome = await asyncio.shield(claim.outcome)
        match outcome:
            case Committed():
                call.stored_as = claim.alert_id
                return Kept(kept=kept) if kept is not None else self._note_repeat(call, hook, name)
            case DuplicateKey():
                call.stored_as = UNKNOWN_FIRST
                call.stored_as = await self._find_first(call, hook.tenant, outcome.key)
                return self._note_repeat(call, hook, name)
            case NotStored(reason=reason):
                return NotKept(reason=reason)
        assert_never(outcome)

    async def _find_first(self, call: AlertCall, tenant: str, key: str) -> str:
        """Id of the alert that holds a key, which the journal knows even while it cannot be read."""
        try:
            first = await self._reader.find_alert_by_key(tenant, key)
        except UnreadableError as error:
            then = "an equal alert is stored and is handled; the sender of this one was told accepted"
            _log.warning("first_alert_not_read", alert=call.call_id, error=str(error), then=then)
            return UNKNOWN_FIRST
        return first.alert_id if first is not None else UNKNOWN_FIRST

    def _claim(self, name: DuplicateName, event: AlertReceived, kept: KeptAlert) -> Claim:
        claim = self._claims.make(name.name, event.alert_id, event.received_ms)
        requests = len(kept.prepared.accounts)
        fact = _file(kept.state.tenant, event.hook_id, event, cause=event.alert_id, key=name.journal_key)

        def settle(outcome: AppendOutcome) -> None:
            self._storing -= requests
            if not isinstance(outcome, Committed):
                self._claims.forget(name.name, claim)
            claim.outcome.set_result(outcome)
            if isinstance(outcome, Committed):
                self._on_kept(kept)

        is_queued = False
        try:
            self._journal.append(Unit(facts=(fact,), states=(kept.state,)), settle)
            is_queued = True
            self._storing += requests
        finally:
            if not is_queued:
                self._claims.forget(name.name, claim)
        return claim

    def _note_repeat(self, call: AlertCall, hook: Hook, name: DuplicateName) -> Duplicate:
        first_id = call.stored_as
        event = AlertDuplicated(
            alert_id=call.call_id,
            hook_id=hook.hook_id,
            duplicate_of=first_id,
            source_address=call.source_address,
            received_ms=call.received_ms,
        )
        fact = _file(hook.tenant, hook.hook_id, event, cause=first_id, key=f"{first_id}:{call.call_id}")
        # Nobody waits for it: a repeat that is not noted changes nothing.
        self._journal.append(Unit(facts=(fact,)), _ignore)
        return Duplicate(first_id=first_id, explicit=name.explicit)


def _ignore(_: AppendOutcome) -> None:
    return


def _receive(call: AlertCall, hook_id: str, name: DuplicateName) -> AlertReceived:
    return AlertReceived(
        alert_id=call.call_id,
        hook_id=hook_id,
        duplicate_key=name.journal_key,
        explicit_key=name.explicit,
        body=blank_token(call.body, call.token),
        content_type=call.content_type,
        source_address=call.source_address,
        received_ms=call.received_ms,
    )


def _file(tenant: str, hook_id: str, event: AlertReceived | AlertDuplicated, *, cause: str, key: str) -> Fact:
    return Fact(
        tenant=tenant,
        stream=hook_stream(hook_id),
        cause=cause,
        at_ms=event.received_ms,
        event=event,
        key=key,
    )
