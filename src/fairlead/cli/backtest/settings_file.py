"""Settings as a file that `fairlead bot create NAME --file FILE` takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlead.cli.bots.bot_rows import plain
from fairlead.cli.output import StopError

if TYPE_CHECKING:
    from fairlead.core.model.bots.bot import Settings


def write_settings(path: Path, settings: Settings, about: str) -> None:
    """Write settings as TOML, or as JSON where the name ends so; ``about`` goes on top of TOML.

    Raises:
        StopError: the file cannot be written.
    """
    from fairlead.accounts.bot_presets import settings_values

    values = plain(settings_values(settings))
    is_json = path.suffix == ".json"
    text = json.dumps(values, indent=2) + "\n" if is_json else settings_toml(values, about)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StopError(f"cannot write {path}: {error.strerror}") from error


def settings_toml(values: Mapping[str, Any], about: str) -> str:
    """Plain values as TOML, one field a line."""
    comment = [f"# {line}".rstrip() for line in about.splitlines()]
    return "\n".join((*comment, *(f"{_key(name)} = {_value(value)}" for name, value in values.items()), ""))


def _key(name: str) -> str:
    return name if name.replace("_", "").isalnum() and name.isascii() else _value(name)


def _value(value: object) -> str:
    match value:
        case dict():
            inner = ", ".join(f"{_key(name)} = {_value(part)}" for name, part in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case _:
            # Texts, whole numbers, true and false are written alike in both.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
