"""Events of accounts that people are told at once: one entry for each event type, and nothing else to add."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Final

import msgspec

from fairlead.core.model import events as ev
from fairlead.core.model.account import VenueAccount
from fairlead.core.model.latch import Latch, LatchScope
from fairlead.core.model.loss import LossLatch
from fairlead.notify.message import Detail, Message, Told, mask_id
from fairlead.notify.modes import label_modes, mode_of
from fairlead.ports import JournalRow
from fairlead.store.queries.notifications import MessageKind

NOTES_SHOWN_MAX: Final = 20


class News(msgspec.Struct, frozen=True, kw_only=True):
    """How one event type is told: its kind, its words, and the lines that its event adds.

    ``subject`` names what it is about, when telling it once is enough however often it is journaled.
    """

    kind: MessageKind
    headline: str
    label: str
    notes: Callable[[Any], tuple[str, ...]]
    hint: str = ""
    subject: Callable[[Any], str] | None = None
    account_id: Callable[[Any], str] = attrgetter("account_id")


ACCOUNT_NEWS: Final[Mapping[type[object], News]] = {
    ev.OrderUnknown: News(
        kind=MessageKind.ORDER_UNKNOWN,
        headline="Order in doubt",
        label="UNKNOWN",
        notes=lambda event: (f"Order {mask_id(event.order_id)}: {event.message}",),
        hint="Nothing is sent again while in doubt: the venue is asked until it is certain.",
        subject=lambda event: event.order_id,
    ),
    ev.DriftFound: News(
        kind=MessageKind.DRIFT,
        headline="Our record and the venue's differ",
        label="DRIFT",
        notes=lambda event: event.differences or ("They agree again",),
        hint="Until it is settled the account only reduces: fairlead drift list shows what to decide.",
    ),
    ev.DriftSettled: News(
        kind=MessageKind.DRIFT,
        headline="Our record and the venue's differed",
        label="SETTLED",
        notes=lambda event: (event.drift.text, _name_decision(event)),
    ),
    ev.DeskRebuilt: News(
        kind=MessageKind.ACCOUNT_REBUILT,
        headline="Account took no orders for a while and was rebuilt",
        label="REBUILT",
        notes=lambda event: (event.reason,),
    ),
    ev.LossLimitReached: News(
        kind=MessageKind.SAFETY,
        headline="Loss limit",
        label="REACHED",
        notes=lambda event: _describe_loss(event.latch),
        hint="Closes always pass. What holds until a person resumes: fairlead account resume ACCOUNT --reason TEXT.",
    ),
    ev.LossLimitLifted: News(
        kind=MessageKind.SAFETY,
        headline="Loss limit",
        label="LIFTED",
        notes=lambda event: (f"Losses count from {event.equity:.2f} USD now", f"Because: {event.reason}"),
    ),
    ev.KillSwitchSet: News(
        kind=MessageKind.SAFETY,
        headline="Kill switch",
        label="SET",
        notes=lambda event: _describe_latch(event.latch),
        hint="fairlead unkill lifts it, once every account was compared with its venue.",
        subject=lambda event: f"{event.latch.latch_id}:{event.latch.clearing}",
        account_id=lambda event: _account_of(event.latch),
    ),
    ev.KillSwitchCleared: News(
        kind=MessageKind.SAFETY,
        headline="Kill switch",
        label="LIFTED",
        notes=lambda event: _describe_latch(event.latch),
        account_id=lambda event: _account_of(event.latch),
    ),
}


def tell_news(row: JournalRow, accounts: Mapping[str, VenueAccount]) -> Told:
    """Put one event of an account into words; its type must have an entry."""
    news = ACCOUNT_NEWS[type(row.event)]
    account_id = news.account_id(row.event)
    account = accounts.get(account_id)
    notes = news.notes(row.event)
    hidden = len(notes) - NOTES_SHOWN_MAX
    message = Message(
        kind=news.kind,
        title="Fairlead",
        mode=label_modes([mode_of(account)]) if account_id else "",
        headline=news.headline,
        label=news.label,
        at_ms=row.at_ms,
        details=(Detail(name="Account", value=account.label if account else mask_id(account_id)),)
        if account_id
        else (),
        notes=(*notes[:NOTES_SHOWN_MAX], *((f"and {hidden} more",) if hidden > 0 else ())),
        hint=news.hint,
    )
    subject = news.subject(row.event) if news.subject else f"journal:{row.seq}"
    return Told(tenant=row.tenant, subject=subject, message=message)


def _name_decision(event: ev.DriftSettled) -> str:
    because = f": {event.reason}" if event.reason else ""
    return f"{event.way.value.capitalize()} by {event.decided_by}{because}"


def _describe_loss(latch: LossLatch) -> tuple[str, ...]:
    until = "until a person resumes" if not latch.until_ms else "until the next local day, or week"
    lost, limit = (f"{share * 100:.2f} %" for share in (latch.loss, latch.limit))
    return (f"Step: {latch.step.value.replace('_', ' ')}", f"Lost {lost}, limit {limit}", f"Holds {until}")


def _describe_latch(latch: Latch) -> tuple[str, ...]:
    wished = f"Somebody wants it lifted: {latch.clearing}" if latch.clearing else ""
    lines = (
        f"For: {latch.subject}",
        f"It does: {latch.level.value.replace('_', ' ')}",
        f"By {latch.by}, because: {' '.join(filter(None, (latch.reason.value, latch.text)))}",
        wished,
    )
    return tuple(filter(None, lines))


def _account_of(latch: Latch) -> str:
    return latch.name if latch.scope is LatchScope.ACCOUNT else ""
