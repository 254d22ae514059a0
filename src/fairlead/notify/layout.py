"""What a message says, part by part and in order, for whoever writes it down as HTML, mail or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from fairlead.notify.courier import Style
from fairlead.notify.message import Detail, Message, Parcel


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of one message; lines come without any markup."""

    title: str
    mode: str
    status: str
    counts: str
    details: tuple[Detail, ...]
    notes: tuple[str, ...]
    failures: tuple[str, ...]
    hint: str
    link: str


def lay_out(message: Message, style: Style) -> Layout:
    """Put a message into the order in which it is read."""
    return Layout(
        title=message.title,
        mode=message.mode,
        status=f"{message.icon} {message.headline}: {message.label}",
        counts=", ".join(message.counts),
        details=(Detail(name="Time", value=zone_text(message.at_ms, style.zone)), *message.details),
        notes=message.notes,
        failures=tuple(f"{failure.account}: {failure.reason}" for failure in message.failures),
        hint=message.hint,
        link=style.explain_url(message.explain_id),
    )


def head_of(parcels: Sequence[Parcel]) -> str:
    """One line over several messages: how many, and how they ended."""
    counts: dict[str, int] = {}
    for parcel in parcels:
        counts[parcel.message.label] = counts.get(parcel.message.label, 0) + 1
    listed = ", ".join(f"{count} {label}" for label, count in counts.items())
    return f"{len(parcels)} messages: {listed}"


def plain_lines(message: Message, style: Style) -> list[str]:
    """All of a message as lines of text."""
    parts = lay_out(message, style)
    lines = [f"{parts.title} - {parts.mode}" if parts.mode else parts.title, parts.status]
    lines += [parts.counts] if parts.counts else []
    lines += ["", *(f"{detail.name}: {detail.value}" for detail in parts.details), *parts.notes]
    lines += ["", "Failures:", *(f"- {failure}" for failure in parts.failures)] if parts.failures else []
    lines += ["", parts.hint] if parts.hint else []
    lines += ["", f"Explain: {parts.link}"] if parts.link else []
    return lines


def zone_text(at_ms: int, zone: ZoneInfo) -> str:
    """A moment in a time zone, 24 hours, with the zone's name: ``2026-07-01 14:03:05 CEST (Europe/Berlin)``."""
    moment = datetime.fromtimestamp(at_ms // 1000, tz=UTC).astimezone(zone)
    name = moment.tzname() or ""
    place = "" if name == zone.key else f" ({zone.key})"
    return f"{moment:%Y-%m-%d %H:%M:%S} {name}{place}"


def find_zone(*names: str) -> ZoneInfo:
    """The first of these zones that is known here; UTC when none is."""
    for name in filter(None, names):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")
