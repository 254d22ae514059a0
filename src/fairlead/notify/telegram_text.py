"""Messages as Telegram's HTML: everything escaped, and never longer than Telegram takes."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from fairlead.notify.courier import Style
from fairlead.notify.layout import Layout, head_of, lay_out, zone_text
from fairlead.notify.message import Message, Parcel, mask_id

# Telegram counts UTF-16 units after it has read the markup; counting the markup too errs on the safe side.
TEXT_UNITS_MAX: Final = 4_096
LINE_UNITS_MAX: Final = 400
_NOTE_UNITS: Final = 100


def write_html(message: Message, style: Style) -> str:
    """One message. Lines about single accounts are left out when all of them would not fit, and the text says so."""
    parts = lay_out(message, style)
    head, tail = _write_head(parts), _write_tail(parts)
    lines = [*map(_escape, parts.notes), *(f"• {_escape(line)}" for line in parts.failures)]
    free = TEXT_UNITS_MAX - _NOTE_UNITS - count_units("\n".join([*head, *tail]))
    kept: list[str] = []
    for line in lines:
        free -= count_units(line) + 1
        if free < 0:
            break
        kept.append(line)
    hidden = len(lines) - len(kept)
    if hidden:
        kept.append(f"… and {hidden} more, see the explain page")
    return "\n".join([*head, *(["", *kept] if kept else []), *tail])


def write_digest(parcels: Sequence[Parcel], style: Style) -> str:
    """Several messages as one, a line each."""
    return "\n".join([f"<b>Fairlead</b>: {_escape(head_of(parcels))}", *(_digest_line(one, style) for one in parcels)])


def count_digest(parcels: Sequence[Parcel], style: Style) -> int:
    """How many messages, from the first, fit into one digest; at least one."""
    free = TEXT_UNITS_MAX - count_units(head_of(parcels)) - _NOTE_UNITS
    for number, parcel in enumerate(parcels):
        free -= count_units(_digest_line(parcel, style)) + 1
        if free < 0:
            return max(number, 1)
    return len(parcels)


def count_units(text: str) -> int:
    """Length as Telegram counts: in UTF-16 units, so that an icon may be two."""
    return len(text.encode("utf-16-le")) // 2


def _write_head(parts: Layout) -> list[str]:
    mode = f" · <b>{_escape(parts.mode)}</b>" if parts.mode else ""
    return [
        f"<b>{_escape(parts.title)}</b>{mode}",
        f"<b>{_escape(parts.status)}</b>",
        *([_escape(parts.counts)] if parts.counts else []),
        "",
        *(f"{_escape(detail.name)}: {_escape(detail.value)}" for detail in parts.details),
    ]


def _write_tail(parts: Layout) -> list[str]:
    return [
        *(["", _escape(parts.hint)] if parts.hint else []),
        *(["", f'<a href="{escape(parts.link)}">Explain</a>'] if parts.link else []),
    ]


def _digest_line(parcel: Parcel, style: Style) -> str:
    message = parcel.message
    name = escape(mask_id(message.explain_id))
    link = escape(style.explain_url(message.explain_id))
    linked = f' · <a href="{link}">{name}</a>' if link else ""
    clock = zone_text(message.at_ms, style.zone)[11:19]
    failed = "".join(f"; {failure.account}: {failure.reason}" for failure in message.failures[:1])
    return f"{clock} {message.icon} {_escape(f'{message.summary}{failed}')}{linked}"


def _escape(text: str) -> str:
    # Cut before it is escaped, so that no entity is cut in two.
    return escape(text if len(text) <= LINE_UNITS_MAX else f"{text[: LINE_UNITS_MAX - 1]}…")
