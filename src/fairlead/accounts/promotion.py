"""Stages and their conditions as data."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from importlib.resources import files

import msgspec

from fairlead.core.model.stage import Stage, StageName


def built_in_stages() -> dict[StageName, Stage]:
    """Read the stages that come with the program.

    Raises:
        msgspec.ValidationError: a field is missing, unknown or of the wrong kind.
    """
    return parse_stages((files("fairlead.accounts") / "promotion.toml").read_text(encoding="utf-8"))


def parse_stages(text: str) -> dict[StageName, Stage]:
    """Read stages from TOML: one table per stage, numbers exact.

    Raises:
        tomllib.TOMLDecodeError: it is not TOML.
        msgspec.ValidationError: a field is missing, unknown or of the wrong kind.
    """
    tables = tomllib.loads(text, parse_float=Decimal)
    return msgspec.convert(tables, dict[StageName, Stage])
