"""Presets of bots and texts of settings: what a person writes, made into settings, or refused field by field."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files
from json import loads
from typing import Any, Final

import msgspec

from fairlead.accounts.near_names import unknown_text
from fairlead.accounts.wrong_values import explain_wrong, show_value
from fairlead.core.model.bots.bot import Settings
from fairlead.core.model.bots.grid import GridSettings
from fairlead.core.model.bots.martingale import MartingaleSettings
from fairlead.core.model.bots.preview import Finding
from fairlead.core.model.bots.user_rule import RuleSettings
from fairlead.core.model.instrument import Instrument
from fairlead.core.model.money import HUNDRED, ONE, format_amount

TEXT_BYTES_MAX: Final = 65_536
NUMBER_DIGITS_MAX: Final = 40
"""Of one number in settings, on either side of the point; beyond it arithmetic is no longer exact."""

WHOLE_NUMBER_MAX: Final = 2**53
"""Of a count or a time; JSON holds no more exactly."""

_KINDS: Final[Mapping[str, type]] = {
    "martingale": MartingaleSettings,
    "grid": GridSettings,
    "rule": RuleSettings,
}
_UNKNOWN_FIELD: Final = re.compile(r"unknown field `([^`]*)`")


class SettingsError(ValueError):
    """What makes no settings: the message says which field, and what it should be."""

    def __init__(self, message: str, finding: Finding | None = None) -> None:
        """``finding`` is the same taken apart, where it is about one field."""
        super().__init__(message)
        self.finding = finding


class Preset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One preset: whom it is for, and its settings as plain values; ``range`` is percent to either side (grids)."""

    about: str
    settings: dict[str, Any]
    range: Decimal | None = None

    def values(self, price: Decimal, instrument: Instrument) -> dict[str, Any]:
        """Settings as plain values, for an instrument at a price."""
        if self.range is None:
            return dict(self.settings)
        away = self.range / HUNDRED
        lower = instrument.round_price_down(price * (ONE - away))
        upper = instrument.round_price_up(price * (ONE + away))
        return {**self.settings, "lower": format_amount(lower), "upper": format_amount(upper)}


@lru_cache(maxsize=1)
def built_in_presets() -> Mapping[str, Preset]:
    """Every preset by its name."""
    text = files("fairlead.accounts").joinpath("bot_presets.toml").read_text(encoding="utf-8")
    plain = tomllib.loads(text, parse_float=Decimal)
    return {name: msgspec.convert(values, Preset, strict=False) for name, values in plain.items()}


def preset_values(name: str, price: Decimal, instrument: Instrument) -> dict[str, Any]:
    """What a preset says, for an instrument at a price; nothing without a name.

    Raises:
        SettingsError: there is none of this name.
    """
    if not name:
        return {}
    known = built_in_presets()
    if name not in known:
        message = unknown_text("preset", name, known)
        raise SettingsError(message, Finding("preset", show_value(name), message))
    return known[name].values(price, instrument)


def read_values(text: str, *, is_json: bool) -> dict[str, Any]:
    """Read settings as plain values from TOML or JSON; numbers are exact.

    Raises:
        SettingsError: it is neither, or too long.
    """
    if len(text.encode()) > TEXT_BYTES_MAX:
        raise SettingsError(f"longer than {TEXT_BYTES_MAX} bytes")
    try:
        values = loads(text, parse_float=Decimal) if is_json else tomllib.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    if not isinstance(values, dict):
        raise SettingsError("must be an object with the fields of the bot")
    return values


def assign(values: dict[str, Any], assignment: str) -> dict[str, Any]:
    """Set one field, as in ``step=1.5``, ``stop_loss.percent=10`` or ``base_order=50 quote``; returns new values.

    Raises:
        SettingsError: it is no assignment, or goes into something that has no fields.
    """
    name, equals, text = assignment.partition("=")
    name, text = name.strip(), text.strip()
    if not equals or not name:
        raise SettingsError(f"{assignment}: must be FIELD=VALUE, such as step=1.5")
    return _put(values, name.split("."), _read_value(text), name)


def to_settings(values: Mapping[str, Any]) -> Settings:
    """Make settings of plain values; without ``type`` they are a martingale's.

    Raises:
        SettingsError: a field is unknown, missing, or has a value of the wrong kind.
    """
    kind = str(values.get("type", "martingale"))
    if kind not in _KINDS:
        rule = f"must be {', '.join(_KINDS)}"
        raise SettingsError(f"type = {kind}: {rule}", Finding("type", show_value(kind), rule))
    whole = {**values, "type": kind, **_spelled_out(values, kind)}
    try:
        settings: Settings = msgspec.convert(whole, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise _explain(str(error), whole, kind) from error
    except ArithmeticError as error:
        raise SettingsError(f"a number cannot be read: {error}") from error
    _check_numbers(msgspec.to_builtins(settings, builtin_types=(Decimal,)), "")
    return settings


def settings_values(settings: Settings) -> dict[str, Any]:
    """Settings as plain values that ``to_settings`` reads again; fields at their defaults are left out."""
    plain: dict[str, Any] = msgspec.to_builtins(settings)
    return plain


def _spelled_out(values: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Fields that may be written shorter than they are: a take-profit of one step, parameters that are numbers."""
    exit_, parameters = values.get("take_profit"), values.get("parameters")
    if kind == "martingale" and isinstance(exit_, int | Decimal) and not isinstance(exit_, bool):
        return {"take_profit": [{"percent": exit_}]}
    if kind == "rule" and isinstance(parameters, Mapping):
        return {"parameters": {name: _as_text(value) for name, value in parameters.items()}}
    return {}


def _as_text(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return format_amount(Decimal(value)) if isinstance(value, int | Decimal) else value


def _put(values: Mapping[str, Any], path: list[str], value: object, name: str) -> dict[str, Any]:
    first, *rest = path
    if not rest:
        return {**values, first: value}
    inner = values.get(first, {})
    if not isinstance(inner, Mapping):
        raise SettingsError(f"{name}: {first} has no fields of its own")
    return {**values, first: _put(inner, rest, value, name)}


def _read_value(text: str) -> object:
    """A value as TOML has it, a size such as ``50 quote``, ``none``, or else a plain text."""
    if text.lower() == "none":
        return None
    amount, _, unit = text.partition(" ")
    if unit and unit.strip().isalpha() and re.fullmatch(r"[0-9.]+", amount):
        return {"amount": amount, "unit": unit.strip().lower()}
    try:
        return tomllib.loads(f"value = {text}", parse_float=Decimal)["value"]
    except ValueError:
        return text


def _check_numbers(value: object, field: str) -> None:
    """Refuse numbers that are none, or of more digits than any market has."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            _check_numbers(part, f"{field}.{name}" if field else str(name))
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            _check_numbers(part, f"{field}[{number}]")
    elif isinstance(value, int | Decimal) and not isinstance(value, bool) and not _is_plain(value):
        rule = f"must be a number of at most {NUMBER_DIGITS_MAX} digits on either side of the point"
        shown = show_value(value)
        raise SettingsError(f"{field} = {shown}: {rule}", Finding(field, shown, rule))


def _is_plain(value: int | Decimal) -> bool:
    if isinstance(value, int):
        return abs(value) <= WHOLE_NUMBER_MAX
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -NUMBER_DIGITS_MAX and value.adjusted() < NUMBER_DIGITS_MAX


def _explain(message: str, values: Mapping[str, Any], kind: str) -> SettingsError:
    finding = explain_wrong(message, values)
    found = _UNKNOWN_FIELD.search(message)
    near: list[str] = []
    if found is not None:
        near = get_close_matches(found[1], [field.name for field in msgspec.structs.fields(_KINDS[kind])], n=1)
    if not near:
        return SettingsError(message, finding)
    meant = f"; did you mean {near[0]}?"
    return SettingsError(f"{message}{meant}", Finding(finding.field, finding.value, f"{finding.rule}{meant}"))
