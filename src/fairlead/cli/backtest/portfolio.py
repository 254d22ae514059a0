"""Several bots on one account, as a file lists them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fairlead.cli.output import EXIT_USAGE, StopError

_TEXTS: Final = ("name", "symbol", "preset", "budget")
_FIELDS: Final = (*_TEXTS, "settings")


@dataclass(frozen=True, kw_only=True)
class ListedBot:
    """One bot of a file: what ``fairlead bot create`` would be told of it."""

    name: str
    symbol: str
    preset: str = ""
    budget: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)


def read_bots(path: Path) -> Sequence[ListedBot]:
    """The ``[[bots]]`` of a TOML file.

    Raises:
        StopError: it cannot be read, or a bot of it cannot; the message names the place and the rule.
    """
    try:
        listed = tomllib.loads(path.read_text(encoding="utf-8")).get("bots")
    except (OSError, ValueError) as error:
        raise StopError(f"{path}: {error}", EXIT_USAGE) from error
    if not isinstance(listed, list) or not listed:
        raise StopError(
            f"{path}: list the bots as [[bots]], each with a name, a symbol, and a preset or settings", EXIT_USAGE
        )
    return [_read_bot(f"{path}: bots[{number}]", one) for number, one in enumerate(listed, 1)]


def _read_bot(place: str, given: object) -> ListedBot:
    if not isinstance(given, dict):
        raise StopError(f"{place}: {given!r} is no table", EXIT_USAGE)
    unknown = sorted(given.keys() - set(_FIELDS))
    if unknown:
        raise StopError(f"{place}.{unknown[0]}: no such field; there are {', '.join(_FIELDS)}", EXIT_USAGE)
    texts = {name: str(given.get(name, "")) for name in _TEXTS}
    for name in ("name", "symbol"):
        if not texts[name]:
            raise StopError(f"{place}.{name}: missing", EXIT_USAGE)
    settings = given.get("settings", {})
    if not isinstance(settings, dict):
        raise StopError(f"{place}.settings: {settings!r} is no table", EXIT_USAGE)
    if not settings and not texts["preset"]:
        raise StopError(f"{place}: say what it shall do, with preset or settings", EXIT_USAGE)
    return ListedBot(settings=settings, **texts)
