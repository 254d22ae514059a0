"""The commands of the README, for tests that paste them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

README: Final = Path(__file__).resolve().parents[2] / "README.md"


def read_commands(section: str) -> list[list[str]]:
    """The words of every command of a section, in its order."""
    text = README.read_text(encoding="utf-8").partition(f"## {section}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [shlex.split(line[2:]) for block in blocks for line in block.splitlines() if line.startswith("$ ")]
