"""Spans of time as [begin, end) in milliseconds: which are there, and which of a wish are not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]


def join_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same times, in order, with as few spans as possible; empty ones are left out."""
    joined: list[Span] = []
    for begin_ms, end_ms in sorted(span for span in spans if span[0] < span[1]):
        if joined and begin_ms <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end_ms))
        else:
            joined.append((begin_ms, end_ms))
    return tuple(joined)


def missing_spans(wanted: Span, there: Iterable[Span]) -> tuple[Span, ...]:
    """What of one span is not there yet, in order."""
    missing: list[Span] = []
    at_ms, end_ms = wanted
    for begin, end in join_spans(there):
        if begin >= end_ms:
            break
        if begin > at_ms:
            missing.append((at_ms, begin))
        at_ms = max(at_ms, end)
    if at_ms < end_ms:
        missing.append((at_ms, end_ms))
    return tuple(missing)
