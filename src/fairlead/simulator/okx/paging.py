"""How OKX cuts long lists into pages ("best practice" of its API v5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from fairlead.simulator.okx.codes import wrong
from fairlead.simulator.okx.fields import Fields

T = TypeVar("T")


class Entry(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One element of a list: its id, which grows with time, its time, and what it is."""

    number: int
    at_ms: int
    item: T


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """What is special about a list.

    ``before`` alone returns what is nearest to it, ``begin`` alone likewise, unless the list is an exception.
    ``by_time``: ``after`` and ``before`` are times, not ids.
    """

    limit_max: int = 100
    near_before: bool = True
    near_begin: bool = True
    by_time: bool = False


LIST = Paging()
FILLS = Paging(near_begin=False)
POSITIONS = Paging(near_before=False, by_time=True)


def cut(entries: Sequence[Entry[T]], fields: Fields, paging: Paging = LIST) -> list[T]:
    """One page of a list, newest first; ``after`` and ``before`` themselves are left out, ``begin`` and ``end`` not.

    Raises:
        OkxError: 51000, a bound is no number or the limit is none of 1 to the maximum.
    """
    after, before = fields.whole("after"), fields.whole("before")
    begin, end = fields.whole("begin"), fields.whole("end")
    limit = fields.whole("limit", paging.limit_max)
    if not limit:
        raise wrong("limit")
    limit = min(limit, paging.limit_max)
    found = sorted(entries, key=lambda entry: entry.number, reverse=True)
    found = [entry for entry in found if entry.at_ms >= begin and (not end or entry.at_ms <= end)]
    found = [entry for entry in found if _is_inside(entry, after, before, by_time=paging.by_time)]
    from_old = (before and not after and paging.near_before) or (
        begin and not end and not after and not before and paging.near_begin
    )
    return [entry.item for entry in (found[-limit:] if from_old else found[:limit])]


def _is_inside(entry: Entry[T], after: int, before: int, *, by_time: bool) -> bool:
    place = entry.at_ms if by_time else entry.number
    return (not after or place < after) and (not before or place > before)
