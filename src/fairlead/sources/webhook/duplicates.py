"""What makes two alerts the same alert (docs/alerts.md), and who came first."""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future
from collections import OrderedDict
from hashlib import blake2b
from typing import Final

import msgspec

from fairlead.ports import AppendOutcome, Committed
from fairlead.sources.webhook.alert import Alert

# Longer than the 24 s in which TradingView resends, shorter than the pace of a strategy.
CONTENT_WINDOW_MS: Final = 30_000
_DIGEST_BYTES: Final = 16
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class DuplicateName(msgspec.Struct, frozen=True, kw_only=True):
    """``name`` is equal for equal alerts; ``journal_key`` is what may be stored only once."""

    name: str
    journal_key: str
    explicit: bool


def name_duplicates(alert: Alert, *, hook_id: str, symbol: str, received_ms: int) -> DuplicateName:
    """Name an alert by its sender's key, else by everything it asks for. A dry run never stands in for a real one."""
    explicit = bool(alert.explicit_key)
    if explicit:
        content = alert.explicit_key.encode("utf-8", "surrogatepass")
    else:
        # The instrument instead of its spelling, and no remarks of ours.
        content = _encode(msgspec.structs.replace(alert, symbol_text=symbol, warnings=()))
    digest = blake2b(hook_id.encode() + b"\0" + content, digest_size=_DIGEST_BYTES).hexdigest()
    name = f"{'dry-' if alert.dry_run else ''}{'key' if explicit else 'hash'}:{digest}"
    if explicit:
        return DuplicateName(name=name, journal_key=name, explicit=True)
    # Two moments of one slot are always less than the window apart, so this refuses no alert that is meant; repeats
    # across the edge of a slot are found in memory.
    slot = received_ms // CONTENT_WINDOW_MS
    return DuplicateName(name=name, journal_key=f"{name}:{slot}", explicit=False)


def name_of_key(journal_key: str) -> str:
    """The name that a stored key was made from."""
    return ":".join(journal_key.split(":")[:2])


class Claim:
    """The first of equal alerts, from the moment it is known until its window ends."""

    __slots__ = ("alert_id", "outcome", "received_ms")

    def __init__(self, alert_id: str, received_ms: int, outcome: Future[AppendOutcome]) -> None:
        """Claim a name for an alert; ``outcome`` is what the journal will say."""
        self.alert_id = alert_id
        self.received_ms = received_ms
        self.outcome = outcome


class Claims:
    """Who came first, decided without waiting: between question and answer nobody else runs."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        """Start without claims."""
        self._loop = loop
        self._claims: OrderedDict[str, Claim] = OrderedDict()

    def find(self, name: str, now_ms: int) -> Claim | None:
        """The claim on a name, while its window lasts."""
        self._forget_old(now_ms)
        claim = self._claims.get(name)
        return claim if claim is not None and abs(now_ms - claim.received_ms) < CONTENT_WINDOW_MS else None

    def make(self, name: str, alert_id: str, received_ms: int) -> Claim:
        """Claim a name for an alert that is about to be stored."""
        claim = Claim(alert_id, received_ms, self._loop.create_future())
        self._claims[name] = claim
        self._claims.move_to_end(name)
        return claim

    def remember(self, name: str, alert_id: str, received_ms: int) -> None:
        """Claim a name for an alert that was stored before."""
        self.make(name, alert_id, received_ms).outcome.set_result(Committed(last_seq=0))

    def forget(self, name: str, claim: Claim) -> None:
        """Give up a claim: its alert was not stored."""
        if self._claims.get(name) is claim:
            del self._claims[name]

    def _forget_old(self, now_ms: int) -> None:
        while self._claims:
            name, claim = next(iter(self._claims.items()))
            if now_ms - claim.received_ms < CONTENT_WINDOW_MS or not claim.outcome.done():
                return
            del self._claims[name]
