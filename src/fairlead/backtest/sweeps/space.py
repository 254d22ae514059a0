"""What a sweep varies: settings by name with the values that each takes, and a number for every combination."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Context, Decimal
from functools import cached_property
from math import prod
from typing import Any, Final

import msgspec

from fairlead.accounts.bot_presets import SettingsError, assign, to_settings
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.money import ZERO, format_amount

AXES_MAX: Final = 20
AXIS_VALUES_MAX: Final = 10_000
TOTAL_MAX: Final = 2**62
"""Combinations that a number of eight bytes can tell apart."""

RANGE_DIGITS: Final = 6
"""Significant digits of a value between the ends of a range."""

_RANGE: Final = re.compile(r"(-?[0-9.]+):(-?[0-9.]+):([0-9]+)(:log)?", re.ASCII)
_ROUNDED: Final = Context(prec=RANGE_DIGITS)


class SpaceError(ValueError):
    """What was asked for is no space; the message says which part, and what it should be."""


class Axis(msgspec.Struct, frozen=True):
    """One setting and the values that it takes, as texts that ``--set`` understands."""

    name: str
    values: tuple[str, ...]


class Space(msgspec.Struct, frozen=True, dict=True):
    """Every combination of one value from each axis, numbered from 0; the last axis moves first."""

    axes: tuple[Axis, ...] = ()

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """How many values each axis has."""
        return tuple(len(axis.values) for axis in self.axes)

    @property
    def total(self) -> int:
        """How many combinations there are."""
        return prod(self.lengths)

    def places(self, number: int) -> tuple[int, ...]:
        """Which value of each axis a combination takes."""
        places = []
        for length in reversed(self.lengths):
            number, place = divmod(number, length)
            places.append(place)
        return tuple(reversed(places))

    def number(self, places: tuple[int, ...]) -> int:
        """The number of the combination that takes these values."""
        number = 0
        for length, place in zip(self.lengths, places, strict=True):
            number = number * length + place
        return number

    def choice(self, number: int) -> dict[str, str]:
        """A combination as the value of each name."""
        return {axis.name: axis.values[place] for axis, place in zip(self.axes, self.places(number), strict=True)}

    def settings(self, before: Mapping[str, Any], number: int) -> Settings:
        """Settings with the values of a combination, on top of those ``before`` as plain values.

        Raises:
            SettingsError: they make no settings.
        """
        values = dict(before)
        for name, value in self.choice(number).items():
            values = assign(values, f"{name}={value}")
        return to_settings(values)

    def neighbours(self, number: int) -> Iterator[int]:
        """Combinations that are one step away on one axis."""
        places = self.places(number)
        for axis, (place, length) in enumerate(zip(places, self.lengths, strict=True)):
            for beside in (place - 1, place + 1):
                if 0 <= beside < length:
                    yield self.number((*places[:axis], beside, *places[axis + 1 :]))


def read_space(texts: tuple[str, ...], before: Mapping[str, Any]) -> Space:
    """Read axes such as ``step=0.6:2:5``, and try each value on the settings ``before``.

    Raises:
        SpaceError: an axis cannot be read, is there twice, or has a value that makes no settings.
    """
    if len(texts) > AXES_MAX:
        raise SpaceError(f"{len(texts)} settings at once: at most {AXES_MAX}")
    axes = tuple(map(read_axis, texts))
    names = [axis.name for axis in axes]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise SpaceError(f"{twice} is varied twice")
    space = Space(axes)
    if space.total > TOTAL_MAX:
        raise SpaceError(f"{space.total} combinations: at most {TOTAL_MAX}")
    for axis in axes:
        for value in axis.values:
            try:
                to_settings(assign(dict(before), f"{axis.name}={value}"))
            except SettingsError as error:
                raise SpaceError(f"{axis.name}={value}: {error}") from error
    return space


def read_axis(text: str) -> Axis:
    """Read ``name=from:to:count``, the same with ``:log`` for equal ratios instead of equal steps, or ``name=a,b,c``.

    Raises:
        SpaceError: it is neither.
    """
    name, equals, told = (part.strip() for part in text.partition("="))
    if not equals or not name or not told:
        raise SpaceError(f"{text}: must be FIELD=FROM:TO:COUNT or FIELD=VALUE,VALUE, such as step=0.6:2:5")
    found = _RANGE.fullmatch(told)
    values = tuple(_split(told)) if found is None else _range_values(text, found)
    if len(values) > AXIS_VALUES_MAX:
        raise SpaceError(f"{name} takes {len(values)} values: at most {AXIS_VALUES_MAX}")
    if len(set(values)) < len(values) or "" in values:
        raise SpaceError(f"{text}: every value once, and none empty")
    return Axis(name, values)


def _range_values(text: str, found: re.Match[str]) -> tuple[str, ...]:
    try:
        begin, end = Decimal(found[1]), Decimal(found[2])
    except ArithmeticError as error:
        raise SpaceError(f"{text}: FROM and TO must be numbers") from error
    count, is_log = int(found[3]), found[4] is not None
    if not 1 < count <= AXIS_VALUES_MAX:
        raise SpaceError(f"{text}: COUNT must be from 2 to {AXIS_VALUES_MAX}")
    if begin >= end or (is_log and begin <= ZERO):
        raise SpaceError(f"{text}: FROM must be below TO{', and above 0 for equal ratios' if is_log else ''}")
    parts = [Decimal(number) / (count - 1) for number in range(1, count - 1)]
    within = [begin * (end / begin) ** part if is_log else begin + (end - begin) * part for part in parts]
    return tuple(format_amount(value) for value in (begin, *(_ROUNDED.plus(one) for one in within), end))


def _split(text: str) -> Iterator[str]:
    """Parts between commas that stand in no bracket."""
    depth, begin = 0, 0
    for place, sign in enumerate(text):
        depth += (sign in "[{") - (sign in "]}")
        if sign == "," and not depth:
            yield text[begin:place].strip()
            begin = place + 1
    yield text[begin:].strip()
