"""How channels and their messages are printed; a secret never is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fairlead.reporting.times import time_text

if TYPE_CHECKING:
    from fairlead.store.queries.notifications import NotifyChannel, OutboxCount, OutboxRow, Target


def channel_row(channel: NotifyChannel, count: OutboxCount | None) -> dict[str, object]:
    """A channel as a line of a list."""
    return {
        "name": channel.name,
        "kind": channel.kind,
        "tenant": channel.tenant,
        "to": _name_target(channel.target),
        "enabled": channel.enabled,
        "waiting": count.waiting if count else 0,
        "dead": count.dead if count else 0,
    }


def channel_details(channel: NotifyChannel, count: OutboxCount | None) -> dict[str, object]:
    """Everything about a channel but its secret."""
    from fairlead.store.queries.notifications import MessageKind

    return {
        "id": channel.channel_id,
        **channel_row(channel, count),
        "time_zone": channel.time_zone or "its owner's",
        "types": {kind.value: channel.level_of(kind).value for kind in MessageKind},
        "created": time_text(channel.created_ms),
    }


def outbox_row(row: OutboxRow, names: dict[str, str]) -> dict[str, object]:
    """A message that waits or died."""
    return {
        "id": row.message_id,
        "channel": names.get(row.channel_id, row.channel_id),
        "type": row.kind.value,
        "status": row.status,
        "tries": row.attempts,
        "created": time_text(row.created_ms),
        "due": time_text(row.due_ms),
        "reason": row.reason,
    }


def _name_target(target: Target) -> str:
    from fairlead.store.queries.notifications import EmailTarget, TelegramTarget, WebhookTarget

    match target:
        case TelegramTarget(chat=chat):
            return f"chat {chat}"
        case WebhookTarget(url=url):
            # What stands behind the host may be a secret of its own.
            return "/".join(url.split("/")[:3])
        case EmailTarget(recipient=recipient, host=host, port=port):
            return f"{recipient} by {host}:{port}"
