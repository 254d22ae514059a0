"""One message as it waits to be sent: what it says, and nothing about how a channel will show it."""

from __future__ import annotations

from typing import Final

import msgspec

from fairlead.store.queries.notifications import MessageKind

ID_SHOWN_WHOLE_MAX: Final = 8
_ID_ENDS: Final = 4

ICONS: Final[dict[MessageKind, str]] = {
    MessageKind.SUCCESS: "✅",
    MessageKind.PARTIAL_SUCCESS: "⚠️",
    MessageKind.CLOSE: "🏁",
    MessageKind.PARTIAL_CLOSE: "⚠️",
    MessageKind.ERROR: "❌",
    MessageKind.CANCELED: "🚫",
    MessageKind.LIQUIDATION: "🆘",
    MessageKind.ORDER_UNKNOWN: "❓",
    MessageKind.DRIFT: "🔎",
    MessageKind.ACCOUNT_REBUILT: "🔁",
    MessageKind.SAFETY: "🛑",
}


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """One named value, as people read it."""

    name: str
    value: str


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why one account, by its label, did not do what was asked."""

    account: str
    reason: str


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What people are told, in the order in which they are told it.

    ``mode`` says where it happened and is empty only when all of it was live. ``at_ms`` is when it happened (UTC
    milliseconds); a channel shows it in its reader's time zone. ``explain_id`` is what the explain page takes.
    """

    kind: MessageKind
    title: str
    mode: str
    headline: str
    label: str
    at_ms: int
    counts: tuple[str, ...] = ()
    details: tuple[Detail, ...] = ()
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()
    hint: str = ""
    explain_id: str = ""

    @property
    def icon(self) -> str:
        """What it is about at a glance."""
        return ICONS[self.kind]

    @property
    def summary(self) -> str:
        """One line that says which, what and how it ended, and always the mode."""
        mode = f"[{self.mode}] " if self.mode else ""
        counts = f" ({', '.join(self.counts)})" if self.counts else ""
        return f"{mode}{self.headline}: {self.label}{counts}"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A message for everybody of a tenant who wants its kind; told once for each subject and kind.

    No tenant means everybody of every tenant.
    """

    tenant: str
    subject: str
    message: Message


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way through one channel; the id is the same at every try."""

    message_id: str
    message: Message
    is_silent: bool


def mask_id(identifier: str) -> str:
    """Shorten an id so that it can be recognised but not used: first and last four characters."""
    if len(identifier) <= ID_SHOWN_WHOLE_MAX:
        return identifier
    return f"{identifier[:_ID_ENDS]}****{identifier[-_ID_ENDS:]}"
