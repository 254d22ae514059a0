from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest
from typer.main import get_command

from fairlead.cli.app import app
from fairlead.core.model.bots.grid import GridSettings
from fairlead.core.model.bots.martingale import LadderStep, MartingaleSettings, StopLoss, TakeProfitStep
from tests.reporting.pictures import FOLDER, PICTURES, draw

PAGE = FOLDER.parent / "bots.md"


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_every_picture_is_what_our_code_draws_now(name: str) -> None:
    drawn = draw(name)
    ET.fromstring(drawn)
    is_same = (FOLDER / f"{name}.svg").read_text(encoding="utf-8") == drawn
    assert is_same, "draw them anew: .venv/bin/python -m tests.reporting.pictures"


def test_the_page_shows_every_picture_and_no_other() -> None:
    shown = re.findall(r"\(pictures/([\w-]+)\.svg\)", PAGE.read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(PICTURES) == sorted(path.stem for path in FOLDER.glob("*.svg"))


@pytest.mark.parametrize("kind", [MartingaleSettings, GridSettings, StopLoss, TakeProfitStep, LadderStep])
def test_the_page_explains_every_parameter(kind: type[msgspec.Struct]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    fields = {field.name for field in msgspec.structs.fields(kind)}
    missing = {name for name in fields if not re.search(rf"\b{name}\b", text)}
    assert not missing, f"docs/bots.md says nothing about {sorted(missing)}"


def test_the_page_names_only_commands_that_exist() -> None:
    every: dict[str, object] = getattr(get_command(app), "commands", {})
    commands: dict[str, object] = getattr(every["bot"], "commands", {})
    named = set(re.findall(r"fairlead bot ([a-z-]+)", Path(PAGE).read_text(encoding="utf-8")))
    assert named <= set(commands)
    assert set(commands) - {"preview", "presets"} <= named | {"list"}
