"""What a venue tells of the past, page by page."""

from __future__ import annotations

from decimal import Decimal
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class FundingRate(msgspec.Struct, frozen=True):
    """A settlement of funding: its time in UTC milliseconds, and the fraction of a position's value that longs paid."""

    at_ms: int
    rate: Decimal


class Page(msgspec.Struct, Generic[T], frozen=True):
    """An answer: rows in order of time, and how far it is complete.

    Before ``until_ms``, and from what was asked for on, there is nothing but these rows. Where it is not after what was
    asked for, the venue cannot tell yet.
    """

    rows: tuple[T, ...]
    until_ms: int


class PageFailure(msgspec.Struct, frozen=True):
    """No answer; to ask again may help unless it ``is_lasting``."""

    message: str
    is_lasting: bool = False
