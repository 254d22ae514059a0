"""Signals that are given: a list of what somebody was told to do and when, read from a CSV file."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from fairlead.core.model.money import HUNDRED, ZERO, AmountError, parse_amount
from fairlead.core.model.request import Size, SizeUnit

SIGNALS_MAX: Final = 1_000_000
_SECONDS_BELOW: Final = 10**11
"""A whole number below this is a time in seconds, from there on in milliseconds."""

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("time", "timestamp", "date", "datetime", "at"),
    "symbol": ("symbol", "ticker", "instrument", "pair"),
    "side": ("side", "action", "order", "signal", "direction"),
    "size": ("size", "quantity", "qty", "amount", "contracts"),
}
_UNITS: Final[Mapping[str, SizeUnit]] = {
    "": SizeUnit.NATIVE,
    "%": SizeUnit.PERCENT,
    "percent": SizeUnit.PERCENT,
    "quote": SizeUnit.QUOTE,
    "base": SizeUnit.BASE,
    "contracts": SizeUnit.CONTRACTS,
}
_SIZE: Final = re.compile(r"([0-9.]+)\s*(%|[a-z]*)", re.ASCII)


class SignalError(ValueError):
    """A list of signals that cannot be followed; the message says which row, and what it should be."""


class Action(StrEnum):
    """What a signal asks for.

    ``buy`` and ``sell`` close what is held the other way, and else add in their direction; ``close`` closes all;
    ``long`` and ``short`` end in that direction, whatever was held. On a spot market a sell only closes.
    """

    BUY = "buy"
    SELL = "sell"
    CLOSE = "close"
    LONG = "long"
    SHORT = "short"


_ACTIONS: Final[Mapping[str, Action]] = {
    **{action.value: action for action in Action},
    "exit": Action.CLOSE,
    "flat": Action.CLOSE,
    "close_all": Action.CLOSE,
}


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One signal; ``at_ms`` is UTC milliseconds. Without a size a sell closes all, and what opens needs one."""

    at_ms: int
    action: Action
    symbol: str = ""
    size: Size | None = None


def read_signals(path: Path) -> list[Signal]:
    """Read signals from a CSV file with a heading, in the order of time.

    Columns are time, side, and if there are symbol and size (``0.5``, ``50 quote``, ``10 percent``); usual other names
    are understood. A time without a zone is UTC.

    Raises:
        SignalError: a row cannot be read, or there is none.
        OSError: the file cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        columns = _columns(rows.fieldnames or ())
        found = list(_read_rows(rows, columns))
    if not found:
        raise SignalError(f"{path} has no signals")
    return sorted(found, key=lambda one: one.at_ms)


def read_size(text: str) -> Size:
    """Read a size such as ``10 percent``, ``50 quote`` or ``0.5`` (of the instrument's own unit).

    Raises:
        SignalError: it is none.
    """
    found = _SIZE.fullmatch(text.strip().lower())
    unit = None if found is None else _UNITS.get(found[2])
    try:
        amount = ZERO if found is None else parse_amount(found[1])
    except AmountError:
        amount = ZERO
    if unit is None or amount <= ZERO or (unit is SizeUnit.PERCENT and amount > HUNDRED):
        raise SignalError(f"{text}: must be a size such as 10 percent, 50 quote, 0.5 base or 3 contracts")
    return Size(amount=amount, unit=unit)


def _columns(heading: Sequence[str]) -> dict[str, str]:
    there = {name.strip().lower(): name for name in heading}
    columns = {
        meaning: there[next(name for name in names if name in there)]
        for meaning, names in _NAMES.items()
        if any(name in there for name in names)
    }
    for needed in ("time", "side"):
        if needed not in columns:
            raise SignalError(f"there is no column {needed}; there are {', '.join(heading) or 'none'}")
    return columns


def _read_rows(rows: Iterator[dict[str, str]], columns: Mapping[str, str]) -> Iterator[Signal]:
    # The heading is row 1, as an editor counts.
    for number, row in enumerate(rows, 2):
        if number > SIGNALS_MAX:
            raise SignalError(f"more than {SIGNALS_MAX} signals")
        told = {meaning: (row[name] or "").strip() for meaning, name in columns.items()}
        try:
            yield Signal(
                at_ms=_read_time(told["time"]),
                action=_read_action(told["side"]),
                symbol=told.get("symbol", ""),
                size=read_size(told["size"]) if told.get("size") else None,
            )
        except SignalError as error:
            raise SignalError(f"row {number}: {error}") from None


def _read_action(text: str) -> Action:
    action = _ACTIONS.get(text.lower())
    if action is None:
        raise SignalError(f"side = {text}: must be {', '.join(Action)}")
    return action


def _read_time(text: str) -> int:
    if text.isdecimal():
        number = int(text)
        return number * 1_000 if number < _SECONDS_BELOW else number
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SignalError(f"time = {text}: must be 2025-01-31T12:30:00, seconds or milliseconds") from None
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(zoned.timestamp() * 1_000)
